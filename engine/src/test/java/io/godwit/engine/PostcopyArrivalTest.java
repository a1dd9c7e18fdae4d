// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.abort;

import io.godwit.engine.arbiter.Arbiter;
import io.godwit.engine.arbiter.FileLockArbiter;
import io.godwit.engine.arbiter.IdentityMark;
import io.godwit.engine.arbiter.TokenAnnouncement;
import io.godwit.engine.guest.RunControl;
import io.godwit.engine.guest.RunState;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.linux.memory.Support;
import io.godwit.linux.memory.Userfaultfd;
import io.godwit.stream.Bytes;
import io.godwit.stream.Command;
import io.godwit.stream.ReturnPathMessage;
import java.io.IOException;
import java.net.Socket;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A guest that arrives by postcopy from a source that says what the test wants. */
@Tag("kernel")
@Timeout(120)
class PostcopyArrivalTest {
    private static final long PAGES = DowncallGuest.PAGES;

    @TempDir
    Path directory;

    private final UUID identity = UUID.randomUUID();
    private final NativeMemory content = NativeMemory.allocate(DowncallGuest.RAM_BYTES);
    private DowncallGuest guest;
    private RunControl run;
    private Migrator destination;

    @BeforeEach
    void listen() {
        if (Userfaultfd.support(Set.of(), Userfaultfd.Faults.USER) instanceof Support.Missing missing) {
            abort(missing.sentence());
        }
        guest = new DowncallGuest(UUID.randomUUID(), new CountingGuest.Census());
        guest.idle = true;
        run = new RunControl(guest, new FileLockArbiter(directory), RunState.INMIGRATE);
        destination = new Migrator(guest, run);
        destination.setParameters(MigrationParameters.DEFAULTS.with(MigrationParameter.CONNECT_TIMEOUT, 2000));
        destination.setCapability(Capability.POSTCOPY_RAM, true);
        destination.setVerifying(true);
        content.fillRandom(DowncallGuest.TABLE_PAGES * 4096L, DowncallGuest.RAM_BYTES / 2, 7);
        for (long page = DowncallGuest.TABLE_PAGES; page < PAGES; page++) {
            content.putLong(page * 4096, 0);
        }
    }

    @AfterEach
    void close() {
        destination.close();
        run.shutdown();
        guest.close();
        content.close();
    }

    private ScriptedSource source() throws Exception {
        destination.migrateIncoming("tcp:127.0.0.1:0");
        return ScriptedSource.of(address());
    }

    private String address() {
        return destination.statistics().listenAddress().orElseThrow();
    }

    private static long[] range(long from, long to) {
        return LongStream.range(from, to).toArray();
    }

    private void awaitStatus(MigrationStatus status) {
        long deadline = System.nanoTime() + Duration.ofSeconds(20).toNanos();
        while (destination.statistics().status() != status) {
            assertThat(System.nanoTime() - deadline)
                    .as("waiting for " + status + ", now " + destination.statistics())
                    .isNegative();
            Thread.onSpinWait();
        }
    }

    /** Half of it in precopy, and the guest runs. */
    private void switchOver(ScriptedSource source) throws Exception {
        try (FileLockArbiter token = new FileLockArbiter(directory)) {
            assertThat(token.claim(identity, Duration.ZERO)).isInstanceOf(Arbiter.Claim.Won.class);
            source.begin(identity, true);
            source.command(new Command.Ping(TokenAnnouncement.QUESTION));
            source.awaitMessage(new ReturnPathMessage.Pong(TokenAnnouncement.ANSWER));
        }
        source.pages(content, range(0, PAGES / 2));
        source.discard(0, 4096 * 16);
        source.command(new Command.Ping(2));
        source.pack(DowncallGuest.register(42));
        source.awaitMessage(new ReturnPathMessage.Pong(3));
        awaitStatus(MigrationStatus.POSTCOPY_ACTIVE);
        awaitRunning();
    }

    /** The status says postcopy-active from LISTEN on, as QEMU's does; until the guest runs here it is still the source's. */
    private void awaitRunning() {
        long deadline = System.nanoTime() + Duration.ofSeconds(20).toNanos();
        while (run.state() != RunState.RUNNING) {
            assertThat(System.nanoTime() - deadline)
                    .as("waiting for the guest to run, now " + destination.statistics())
                    .isNegative();
            Thread.onSpinWait();
        }
    }

    private void assertWhole() {
        for (long page = 0; page < PAGES; page++) {
            assertThat(guest.block().isPresent(page)).isTrue();
        }
        assertThat(NativeMemory.mismatch(guest.memory(), 0, content, 0, DowncallGuest.RAM_BYTES))
                .as("first byte that differs")
                .isEqualTo(-1);
    }

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
            source.pages(content, range(0, 3));
            source.pages(content, range(4, 16));
            source.pages(content, range(PAGES / 2, PAGES));
            source.end();
            source.awaitMessage(new ReturnPathMessage.Shut(0));
            assertThat(destination.awaitEnd(Duration.ofSeconds(20))).isTrue();
            assertThat(destination.statistics().status()).isEqualTo(MigrationStatus.COMPLETED);
            assertWhole();
            PostcopyStatistics figures = destination.statistics().postcopy().orElseThrow();
            assertThat(figures.latency().whole().count()).isEqualTo(1);
            assertThat(figures.requests()).isEqualTo(1);
            assertThat(figures.missingPages()).isZero();
        }
    }

    @Test
    void aPauseAndARecoveryBringTheRest() throws Exception {
        try (ScriptedSource source = source()) {
            switchOver(source);
            Thread toucher = new Thread(
                    () -> {
                        try (NativeMemory scratch = NativeMemory.allocate(4096)) {
                            guest.touch(PAGES - 1, scratch);
                        }
                    },
                    "toucher");
            toucher.start();
            assertThat(source.awaitRequest().offset()).isEqualTo((PAGES - 1) * 4096);
            source.cut();
            awaitStatus(MigrationStatus.POSTCOPY_PAUSED);
            assertThat(destination.statistics().owner()).contains(GuestOwner.HERE);
            destination.recover("tcp:127.0.0.1:0");
            try (ScriptedSource again = ScriptedSource.of(address())) {
                again.command(new Command.Ping(IdentityMark.of(identity)));
                again.command(new Command.ReceivedBitmap(DowncallGuest.BLOCK));
                again.command(new Command.PostcopyResume());
                again.awaitMessage(new ReturnPathMessage.ResumeAck(1));
                assertThat(again.awaitRequest().offset()).isEqualTo((PAGES - 1) * 4096);
                again.pages(content, range(PAGES / 2, PAGES));
                toucher.join();
                again.pages(content, range(0, 16));
                again.end();
                again.awaitMessage(new ReturnPathMessage.Shut(0));
            }
            assertThat(destination.awaitEnd(Duration.ofSeconds(20))).isTrue();
            assertWhole();
            assertThat(destination.statistics().postcopy().orElseThrow().recoveries())
                    .isEqualTo(1);
        }
    }

    /** Before the guest runs here every error leaves it with the source, and says so. */
    private void assertRefused(ScriptedSource source, String... reasons) throws Exception {
        assertThat(source.untilEnd()).contains(new ScriptedSource.Heard.Message(new ReturnPathMessage.Shut(1)));
        assertThat(destination.awaitEnd(Duration.ofSeconds(20))).isTrue();
        assertThat(destination.statistics().status()).isEqualTo(MigrationStatus.FAILED);
        assertThat(destination.statistics().error().orElseThrow()).contains(reasons);
        assertThat(destination.statistics().owner()).contains(GuestOwner.PEER);
        assertThat(run.state()).isEqualTo(RunState.INMIGRATE);
        assertThat(guest.block().isPresent(PAGES - 1)).isTrue();
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
            source.discard(DowncallGuest.RAM_BYTES - 4096, 8192);
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
            source.pack(DowncallGuest.register(1));
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
            source.pack(DowncallGuest.register(1), DowncallGuest.register(2));
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
            source.pack(DowncallGuest.register(1));
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
    void nonsenseOnTheMainChannelPausesAndTheRestComesOverAnotherConnection() throws Exception {
        try (ScriptedSource source = source()) {
            switchOver(source);
            source.raw(new byte[] {0x55, 0x55});
            awaitStatus(MigrationStatus.POSTCOPY_PAUSED);
            assertThat(destination.statistics().error().orElseThrow()).contains("Unknown section type");
        }
        recoverAndFinish();
        assertWhole();
    }

    @Test
    void nonsenseBehindPagesPausesAndTheFirstRecoveryGoesOn() throws Exception {
        try (ScriptedSource source = source()) {
            switchOver(source);
            source.pagesAndNonsense(content, 0, 1, 2);
            awaitStatus(MigrationStatus.POSTCOPY_PAUSED);
        }
        recoverAndFinish();
        assertWhole();
    }

    @Test
    void theTokenOfAGuestThatRunsHereIsNotGivenUpToAnswerAQuestion() throws Exception {
        try (ScriptedSource source = source();
                FileLockArbiter other = new FileLockArbiter(directory)) {
            switchOver(source);
            source.command(new Command.Ping(TokenAnnouncement.QUESTION));
            awaitStatus(MigrationStatus.POSTCOPY_PAUSED);
            assertThat(destination.statistics().error().orElseThrow()).contains("the guest has arrived");
            assertThat(other.claim(identity, Duration.ZERO)).isInstanceOf(Arbiter.Claim.Lost.class);
        }
        recoverAndFinish();
        assertWhole();
    }

    private void recoverAndFinish() throws Exception {
        destination.recover("tcp:127.0.0.1:0");
        try (ScriptedSource again = ScriptedSource.of(address())) {
            resume(again);
            again.pages(content, range(0, 16));
            again.pages(content, range(PAGES / 2, PAGES));
            again.end();
            again.awaitMessage(new ReturnPathMessage.Shut(0));
        }
        awaitStatus(MigrationStatus.COMPLETED);
    }

    private void resume(ScriptedSource again) throws Exception {
        again.command(new Command.Ping(IdentityMark.of(identity)));
        again.command(new Command.ReceivedBitmap(DowncallGuest.BLOCK));
        again.command(new Command.PostcopyResume());
        again.awaitMessage(new ReturnPathMessage.ResumeAck(1));
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

    private Socket connect() throws IOException {
        URI uri = URI.create("tcp://" + address().substring("tcp:".length()));
        return new Socket(uri.getHost(), uri.getPort());
    }

    @Test
    void aLostPreemptChannelPauses() throws Exception {
        try (ScriptedSource source = source()) {
            switchOver(source);
            try (Socket preempt = connect()) {
                ScriptedSource.preempt(preempt, source.blocks(), content, 2);
                while (!guest.block().isPresent(2)) {
                    Thread.onSpinWait();
                }
            }
            awaitStatus(MigrationStatus.POSTCOPY_PAUSED);
        }
        recoverAndFinish();
        assertWhole();
    }

    @Test
    void anotherGuestsSourceIsTurnedAway() throws Exception {
        try (ScriptedSource source = source()) {
            switchOver(source);
        }
        awaitStatus(MigrationStatus.POSTCOPY_PAUSED);
        destination.recover("tcp:127.0.0.1:0");
        try (ScriptedSource other = ScriptedSource.of(address())) {
            other.command(new Command.Ping(IdentityMark.of(UUID.randomUUID())));
            assertThat(other.untilEnd()).isEmpty();
        }
        while (!destination.statistics().error().orElse("").contains("not the one of guest " + identity)) {
            Thread.onSpinWait();
        }
        recoverAndFinish();
        assertWhole();
    }

    @Test
    void aRecoveryThatIsCutIsPausedAgainAndGoesOnLater() throws Exception {
        try (ScriptedSource source = source()) {
            switchOver(source);
        }
        awaitStatus(MigrationStatus.POSTCOPY_PAUSED);
        destination.recover("tcp:127.0.0.1:0");
        try (Socket stranger = connect()) {
            assertThat(stranger.isConnected()).isTrue();
        }
        try (ScriptedSource again = ScriptedSource.of(address())) {
            again.command(new Command.Ping(IdentityMark.of(identity)));
            assertThat(again.nextMessage()).isEqualTo(new ReturnPathMessage.Pong(IdentityMark.of(identity)));
            awaitStatus(MigrationStatus.POSTCOPY_RECOVER);
        }
        awaitStatus(MigrationStatus.POSTCOPY_PAUSED);
        recoverAndFinish();
        assertWhole();
    }

    @Test
    void whoMissedTheLastWordHearsItAgain() throws Exception {
        try (ScriptedSource source = source()) {
            switchOver(source);
            source.pages(content, range(0, 16));
            source.pages(content, range(PAGES / 2, PAGES));
            source.end();
        }
        awaitStatus(MigrationStatus.COMPLETED);
        destination.recover("tcp:127.0.0.1:0");
        try (ScriptedSource again = ScriptedSource.of(address())) {
            resume(again);
            again.end();
            again.awaitMessage(new ReturnPathMessage.Shut(0));
        }
        assertThat(destination.statistics().status()).isEqualTo(MigrationStatus.COMPLETED);
        assertWhole();
    }

    /** The state is told while the first connection is still open; its end must not be that of the next one. */
    @Test
    void whoAsksForTheLastWordAtOnceHearsIt() throws Exception {
        CountDownLatch told = new CountDownLatch(1);
        CountDownLatch asked = new CountDownLatch(1);
        destination.addListener(new MigrationListener() {
            @Override
            public void passStarted(int pass) {}

            @Override
            public void statusChanged(MigrationStatus status) {
                if (status == MigrationStatus.COMPLETED) {
                    destination.recover("tcp:127.0.0.1:0");
                    told.countDown();
                    try {
                        asked.await();
                    } catch (InterruptedException e) {
                        Thread.currentThread().interrupt();
                    }
                }
            }
        });
        try (ScriptedSource source = source()) {
            switchOver(source);
            source.pages(content, range(0, 16));
            source.pages(content, range(PAGES / 2, PAGES));
            source.end();
        }
        told.await();
        try (ScriptedSource again = ScriptedSource.of(address())) {
            again.command(new Command.Ping(IdentityMark.of(identity)));
            again.command(new Command.ReceivedBitmap(DowncallGuest.BLOCK));
            asked.countDown();
            again.command(new Command.PostcopyResume());
            again.awaitMessage(new ReturnPathMessage.ResumeAck(1));
            again.end();
            again.awaitMessage(new ReturnPathMessage.Shut(0));
        }
        assertWhole();
    }

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
            source.endInPrecopy(DowncallGuest.register(9));
            source.awaitMessage(new ReturnPathMessage.Shut(0));
            awaitStatus(MigrationStatus.COMPLETED);
            assertWhole();
            assertThat(destination.statistics().postcopy()).isEmpty();
        }
    }
}
