// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.engine.agreement.Extension;
import io.godwit.engine.guest.RunState;
import io.godwit.engine.memory.RamBlocks;
import io.godwit.engine.outcome.GuestOwner;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.engine.report.PostcopyStatistics;
import io.godwit.engine.settings.Capability;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.stream.Bytes;
import io.godwit.stream.Command;
import io.godwit.stream.RamBlockEntry;
import io.godwit.stream.ReturnPathMessage;
import io.godwit.stream.StreamWriter;
import io.godwit.testkit.guest.CountingGuest;
import io.godwit.testkit.guest.TestPlug;
import io.godwit.testkit.peer.ScriptedSource;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalLong;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The way of a guest that arrives by postcopy, and what is refused on it. */
@Tag("kernel")
@Timeout(120)
class PostcopyArrivalTest extends PostcopyArrivalLab {
    @Test
    void aGuestRunsBeforeItsMemoryHasCome() throws Exception {
        try (ScriptedSource source = source();
                NativeMemory scratch = NativeMemory.allocate(4096)) {
            switchOver(source);
            assertThat(guest.block().isPresent(0)).isFalse();
            assertThat(guest.block().isPresent(20)).isTrue();
            assertThat(guest.block().isPresent(PAGES - 1)).isFalse();
            Thread toucher = new Thread(() -> guest.touch(3, scratch), "toucher");
            toucher.start();
            assertThat(source.awaitRequest()).isEqualTo(new ScriptedSource.Heard.Request(0, 3 * 4096, 4096));
            source.pages(content, 3);
            toucher.join();
            assertThat(run.state()).isEqualTo(RunState.RUNNING);
            assertThatThrownBy(() -> guest.ram().remove(guest.block(), RamBlocks.Gate.OPEN, () -> {}))
                    .isInstanceOf(MigrationException.Refused.class)
                    .hasMessageContaining("still arriving");
            source.pages(content, range(0, 3));
            source.pages(content, range(4, 16));
            source.pages(content, range(PAGES / 2, PAGES));
            source.end();
            source.awaitMessage(new ReturnPathMessage.Shut(0));
            assertThat(destination.awaitEnd(Duration.ofSeconds(20))).isTrue();
            assertThat(destination.statistics().status()).isEqualTo(MigrationStatus.COMPLETED);
            guest.ram().refuseIfHeld();
            assertWhole();
            PostcopyStatistics figures = destination.statistics().postcopy().orElseThrow();
            assertThat(figures.latency().whole().count()).isEqualTo(1);
            assertThat(figures.requests()).isEqualTo(1);
            assertThat(figures.missingPages()).isZero();
        }
    }

    @Test
    void aGuestThatShallWaitForContStandsStillWhileItsMemoryComes() throws Exception {
        run.pauseOnArrival();
        try (ScriptedSource source = source()) {
            letGo(source);
            awaitState(RunState.PAUSED);
            assertThat(destination.statistics().owner()).contains(GuestOwner.HERE);
            source.pages(content, range(0, 16));
            while (!guest.block().isPresent(15)) {
                Thread.onSpinWait();
            }
            assertThat(run.state()).isEqualTo(RunState.PAUSED);
            run.cont();
            assertThat(run.state()).isEqualTo(RunState.RUNNING);
            source.pages(content, range(PAGES / 2, PAGES));
            source.end();
            source.awaitMessage(new ReturnPathMessage.Shut(0));
        }
        awaitStatus(MigrationStatus.COMPLETED);
        assertWhole();
    }

    @Test
    void aGuestThatShallWaitForContStillWaitsWhenAllMemoryHasCome() throws Exception {
        run.pauseOnArrival();
        try (ScriptedSource source = source()) {
            letGo(source);
            source.pages(content, range(0, 16));
            source.pages(content, range(PAGES / 2, PAGES));
            source.end();
            source.awaitMessage(new ReturnPathMessage.Shut(0));
        }
        awaitStatus(MigrationStatus.COMPLETED);
        assertThat(run.state()).isEqualTo(RunState.PAUSED);
        assertWhole();
        run.cont();
        assertThat(run.state()).isEqualTo(RunState.RUNNING);
    }

    @Test
    void aListOfBlocksBehindTheSwitchIsRefusedAndNothingIsMadeOfIt() throws Exception {
        TestPlug plug = guest.allowPlugging(1 << 20);
        List<RamBlockEntry> next = List.of(
                RamBlockEntry.of(CountingGuest.BLOCK, CountingGuest.RAM_BYTES), RamBlockEntry.of("new", 1 << 20));
        ByteBuffer change = ByteBuffer.allocate(StreamWriter.ramBlockListBytes(next));
        int length = StreamWriter.ramChange(change, ScriptedSource.SECTION, next);
        try (ScriptedSource source = source()) {
            switchOver(source, Extension.PLUG.question());
            // Nor does asking again make it possible.
            source.command(Extension.PLUG.ask());
            source.raw(Arrays.copyOf(change.array(), length));
            awaitStatus(MigrationStatus.POSTCOPY_PAUSED);
            assertThat(destination.statistics().error().orElseThrow())
                    .contains("A block list outside the START of section 'ram'");
        }
        assertThat(plug.made).hasValue(0);
        assertThat(guest.ram().snapshot().blocks()).containsExactly(guest.block());
        recoverAndFinish();
        assertWhole();
    }

    @Test
    void postcopyThatIsOffHereIsRefusedByName() throws Exception {
        destination.setCapability(Capability.POSTCOPY_RAM, false);
        try (ScriptedSource source = source()) {
            source.begin(identity, true);
            assertRefused(source, "postcopy-ram");
        }
    }

    @Test
    void otherPageSizesAreRefused() throws Exception {
        try (ScriptedSource source = source()) {
            source.header(identity);
            source.command(new Command.OpenReturnPath());
            source.command(new Command.PostcopyAdvise(OptionalLong.of(0x201000), OptionalLong.of(4096)));
            assertRefused(source, "0x201000", "0x1000");
        }
    }

    @Test
    void aDiscardOutsideOfTheBlockIsRefused() throws Exception {
        try (ScriptedSource source = source()) {
            source.begin(identity, true);
            source.discard(CountingGuest.RAM_BYTES - 4096, 8192);
            assertRefused(source, "DISCARD");
        }
    }

    @Test
    void aPackageWithRunBeforeListenIsRefused() throws Exception {
        try (ScriptedSource source = source()) {
            source.begin(identity, true);
            source.discard(0, 4096);
            ByteBuffer blob = ByteBuffer.allocate(64);
            new Command.PostcopyRun().encode(blob);
            new Command.PostcopyListen().encode(blob);
            byte[] bytes = new byte[blob.flip().remaining()];
            blob.get(bytes);
            source.command(new Command.Packaged(Bytes.copyOf(bytes)));
            assertRefused(source, "POSTCOPY_LISTEN");
        }
    }

    @Test
    void aPackageWithoutAdviceIsRefused() throws Exception {
        try (ScriptedSource source = source()) {
            source.begin(identity, false);
            source.pages(content, range(0, 4));
            source.pack(CountingGuest.register(1));
            assertRefused(source, "PACKAGED");
        }
    }

    @Test
    void devicesThatDoNotFitAreRefusedAndNobodyWaitsForAPageAnyMore() throws Exception {
        try (ScriptedSource source = source();
                NativeMemory scratch = NativeMemory.allocate(4096)) {
            source.begin(identity, true);
            source.pages(content, range(0, 4));
            source.discard(0, 4096);
            Thread toucher = new Thread(() -> guest.touch(PAGES - 1, scratch), "toucher");
            guest.beforeLoad = toucher::start;
            source.pack(CountingGuest.register(1), CountingGuest.register(2));
            assertRefused(source, "register/0");
            toucher.join();
        }
    }

    @Test
    void aDeviceThatWaitsForAPageOfALostSourceIsLetGo() throws Exception {
        try (ScriptedSource source = source();
                NativeMemory scratch = NativeMemory.allocate(4096)) {
            source.begin(identity, true);
            source.discard(0, 4096);
            guest.beforeLoad = () -> {
                long _ = guest.touch(5, scratch);
            };
            source.pack(CountingGuest.register(1));
            assertThat(source.awaitRequest().offset()).isEqualTo(5 * 4096);
            source.cut();
            assertThat(destination.awaitEnd(Duration.ofSeconds(20))).isTrue();
            assertThat(destination.statistics().status()).isEqualTo(MigrationStatus.FAILED);
            assertThat(run.state()).isEqualTo(RunState.INMIGRATE);
        }
    }

    @Test
    void aStreamThatEndsWithHolesPausesTheGuestInsteadOfGivingItZeros() throws Exception {
        try (ScriptedSource source = source()) {
            switchOver(source);
            source.pages(content, range(0, 16));
            source.end();
            awaitStatus(MigrationStatus.POSTCOPY_PAUSED);
            assertThat(destination.statistics().error().orElseThrow()).contains(PAGES / 2 + " pages never came");
            assertThat(run.state()).isEqualTo(RunState.RUNNING);
        }
    }

    @Test
    void aPageThatComesTwiceDoesNotUndoWhatTheGuestWrote() throws Exception {
        try (ScriptedSource source = source();
                NativeMemory scratch = NativeMemory.allocate(4096)) {
            switchOver(source);
            source.pages(content, range(0, 16));
            source.command(new Command.Ping(77));
            source.awaitMessage(new ReturnPathMessage.Pong(77));
            scratch.putLong(0, 4711);
            NativeMemory.copyByDowncall(scratch, 0, guest.memory(), 3 * 4096, 8);
            source.pages(content, 3);
            source.pages(content, range(PAGES / 2, PAGES));
            source.end();
            source.awaitMessage(new ReturnPathMessage.Shut(0));
            awaitStatus(MigrationStatus.COMPLETED);
            assertThat(guest.memory().getLong(3 * 4096)).isEqualTo(4711);
        }
    }

    @Test
    void severalWhoWaitForOnePageAskOnce() throws Exception {
        try (ScriptedSource source = source()) {
            switchOver(source);
            List<Thread> touchers = new ArrayList<>();
            for (int i = 0; i < 8; i++) {
                Thread toucher = new Thread(
                        () -> {
                            try (NativeMemory scratch = NativeMemory.allocate(4096)) {
                                guest.touch(PAGES - 1, scratch);
                            }
                        },
                        "toucher-" + i);
                toucher.start();
                touchers.add(toucher);
            }
            assertThat(source.awaitRequest().offset()).isEqualTo((PAGES - 1) * 4096);
            source.command(new Command.Ping(78));
            assertThat(source.nextMessage()).isEqualTo(new ReturnPathMessage.Pong(78));
            source.pages(content, PAGES - 1);
            for (Thread toucher : touchers) {
                toucher.join();
            }
            assertThat(destination.statistics().postcopy().orElseThrow().requests())
                    .isEqualTo(1);
        }
    }

    @Test
    void strangersWhoConnectHarmNothing() throws Exception {
        try (ScriptedSource source = source();
                Socket silent = connect();
                Socket nonsense = connect();
                NativeMemory scratch = NativeMemory.allocate(4096)) {
            switchOver(source);
            nonsense.getOutputStream().write("GET / HTTP/1.0\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
            try (Socket preempt = connect()) {
                Thread toucher = new Thread(() -> guest.touch(2, scratch), "toucher");
                toucher.start();
                assertThat(source.awaitRequest().offset()).isEqualTo(2 * 4096);
                ScriptedSource.preempt(preempt, source.blocks(), content, 2);
                toucher.join();
                source.pages(content, 0, 1);
                source.pages(content, range(3, 16));
                source.pages(content, range(PAGES / 2, PAGES));
                source.end();
                source.awaitMessage(new ReturnPathMessage.Shut(0));
            }
            awaitStatus(MigrationStatus.COMPLETED);
            assertWhole();
            assertThat(silent.isConnected()).isTrue();
        }
    }
    /** The state is told while the first connection is still open; its end must not be that of the next one. */
    @Test
    void aHostThatEndsWhileMemoryIsMissingDoesNotHang() throws Exception {
        guest.idle = false;
        try (ScriptedSource source = source()) {
            switchOver(source);
            assertThat(source.awaitRequest()).isNotNull();
        }
        awaitStatus(MigrationStatus.POSTCOPY_PAUSED);
        destination.close();
        assertThat(destination.awaitEnd(Duration.ofSeconds(20))).isTrue();
        assertThat(run.state()).isNotEqualTo(RunState.RUNNING);
    }

    @Test
    void wordsInTheWrongStateAreRefused() throws Exception {
        assertThatThrownBy(() -> destination.recover("tcp:127.0.0.1:0")).isInstanceOf(MigrationException.Refused.class);
        try (ScriptedSource source = source()) {
            assertThatThrownBy(() -> destination.pausePostcopy())
                    .isInstanceOf(MigrationException.Refused.class)
                    .hasMessageContaining("setup");
            switchOver(source);
            assertThatThrownBy(() -> destination.recover("tcp:127.0.0.1:0"))
                    .isInstanceOf(MigrationException.Refused.class)
                    .hasMessageContaining("postcopy-active");
        }
    }

    @Test
    void precopyUnderAdviceThatComesToItsEndLeavesOrdinaryMemory() throws Exception {
        try (ScriptedSource source = source()) {
            source.begin(identity, true);
            source.pages(content, range(0, PAGES));
            source.pages(content, range(0, 8));
            source.endInPrecopy(CountingGuest.register(9));
            source.awaitMessage(new ReturnPathMessage.Shut(0));
            awaitStatus(MigrationStatus.COMPLETED);
            assertWhole();
            assertThat(destination.statistics().postcopy()).isEmpty();
        }
    }
}
