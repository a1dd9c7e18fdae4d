// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;

import io.godwit.engine.arbiter.FileLockArbiter;
import io.godwit.engine.arbiter.IdentityMark;
import io.godwit.engine.arbiter.TokenAnnouncement;
import io.godwit.engine.guest.RunControl;
import io.godwit.engine.guest.RunState;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.linux.memory.Support;
import io.godwit.linux.memory.Userfaultfd;
import io.godwit.stream.Command;
import io.godwit.stream.ReturnPathMessage;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Set;
import java.util.UUID;
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
        destination.setParameters(MigrationParameters.DEFAULTS.withConnectTimeout(2000));
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
        source.begin(identity, true);
        source.command(new Command.Ping(TokenAnnouncement.QUESTION));
        source.pages(content, range(0, PAGES / 2));
        source.discard(0, 4096 * 16);
        source.command(new Command.Ping(2));
        source.pack(DowncallGuest.register(42));
        source.awaitMessage(new ReturnPathMessage.Pong(3));
        awaitStatus(MigrationStatus.POSTCOPY_ACTIVE);
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
}
