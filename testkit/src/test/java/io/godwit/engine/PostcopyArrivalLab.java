// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;

import io.godwit.engine.agreement.Extension;
import io.godwit.engine.agreement.IdentityMark;
import io.godwit.engine.arbiter.Arbiter;
import io.godwit.engine.arbiter.FileLockArbiter;
import io.godwit.engine.guest.RunControl;
import io.godwit.engine.guest.RunState;
import io.godwit.engine.outcome.GuestOwner;
import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.engine.settings.Capability;
import io.godwit.engine.settings.MigrationParameter;
import io.godwit.engine.settings.MigrationParameters;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.linux.memory.Support;
import io.godwit.linux.memory.Userfaultfd;
import io.godwit.stream.Command;
import io.godwit.stream.ReturnPathMessage;
import io.godwit.testkit.guest.CountingGuest;
import io.godwit.testkit.peer.ScriptedSource;
import java.io.IOException;
import java.net.Socket;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Set;
import java.util.UUID;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/** A guest that arrives by postcopy from a source that says what the test wants. */
abstract class PostcopyArrivalLab {
    static final long PAGES = CountingGuest.PAGES;

    @TempDir
    Path directory;

    final UUID identity = UUID.randomUUID();
    final NativeMemory content = NativeMemory.allocate(CountingGuest.RAM_BYTES);
    CountingGuest guest;
    RunControl run;
    Migrator destination;

    @BeforeEach
    void listen() {
        if (Userfaultfd.support(Set.of(), Userfaultfd.Faults.USER) instanceof Support.Missing missing) {
            abort(missing.sentence());
        }
        guest = CountingGuest.byDowncalls(UUID.randomUUID(), new CountingGuest.Census());
        guest.idle = true;
        run = new RunControl(guest, new FileLockArbiter(directory), RunState.INMIGRATE);
        destination = new Migrator(guest, run);
        destination.setParameters(MigrationParameters.DEFAULTS.with(MigrationParameter.CONNECT_TIMEOUT, 2000));
        destination.setCapability(Capability.POSTCOPY_RAM, true);
        destination.setVerifying(true);
        content.fillRandom(CountingGuest.TABLE_PAGES * 4096L, CountingGuest.RAM_BYTES / 2, 7);
        for (long page = CountingGuest.TABLE_PAGES; page < PAGES; page++) {
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

    ScriptedSource source() throws Exception {
        destination.migrateIncoming("tcp:127.0.0.1:0");
        return ScriptedSource.of(address());
    }

    String address() {
        return destination.statistics().listenAddress().orElseThrow();
    }

    static long[] range(long from, long to) {
        return LongStream.range(from, to).toArray();
    }

    void awaitStatus(MigrationStatus status) {
        long deadline = System.nanoTime() + Duration.ofSeconds(20).toNanos();
        while (destination.statistics().status() != status) {
            assertThat(System.nanoTime() - deadline)
                    .as("waiting for " + status + ", now " + destination.statistics())
                    .isNegative();
            Thread.onSpinWait();
        }
    }

    /** Half of it in precopy, and the guest runs; before that the source asks these questions. */
    void switchOver(ScriptedSource source, int... questions) throws Exception {
        letGo(source, questions);
        awaitRunning();
    }

    /** The same, whether or not the guest runs then. */
    void letGo(ScriptedSource source, int... questions) throws Exception {
        try (FileLockArbiter token = new FileLockArbiter(directory)) {
            assertThat(token.claim(identity, Duration.ZERO)).isInstanceOf(Arbiter.Claim.Won.class);
            source.begin(identity, true);
            source.command(Extension.TOKEN.ask());
            source.awaitMessage(new ReturnPathMessage.Pong(Extension.TOKEN.yes()));
        }
        for (int question : questions) {
            source.command(new Command.Ping(question));
        }
        source.pages(content, range(0, PAGES / 2));
        source.discard(0, 4096 * 16);
        source.command(new Command.Ping(2));
        source.pack(CountingGuest.register(42));
        source.awaitMessage(new ReturnPathMessage.Pong(3));
        awaitStatus(MigrationStatus.POSTCOPY_ACTIVE);
    }

    /**
     * The status says postcopy-active from LISTEN on, as QEMU's does; until the guest runs here it is still the
     * source's.
     */
    void awaitRunning() {
        awaitState(RunState.RUNNING);
    }

    void awaitState(RunState state) {
        long deadline = System.nanoTime() + Duration.ofSeconds(20).toNanos();
        while (run.state() != state) {
            assertThat(System.nanoTime() - deadline)
                    .as("waiting for the guest to be " + state + ", now " + destination.statistics())
                    .isNegative();
            Thread.onSpinWait();
        }
    }

    void assertWhole() {
        for (long page = 0; page < PAGES; page++) {
            assertThat(guest.block().isPresent(page)).isTrue();
        }
        assertThat(NativeMemory.mismatch(guest.memory(), 0, content, 0, CountingGuest.RAM_BYTES))
                .as("first byte that differs")
                .isEqualTo(-1);
    }

    /** Before the guest runs here every error leaves it with the source, and says so. */
    void assertRefused(ScriptedSource source, String... reasons) throws Exception {
        assertThat(source.untilEnd()).contains(new ScriptedSource.Heard.Message(new ReturnPathMessage.Shut(1)));
        assertThat(destination.awaitEnd(Duration.ofSeconds(20))).isTrue();
        assertThat(destination.statistics().status()).isEqualTo(MigrationStatus.FAILED);
        assertThat(destination.statistics().error().orElseThrow()).contains(reasons);
        assertThat(destination.statistics().owner()).contains(GuestOwner.PEER);
        assertThat(run.state()).isEqualTo(RunState.INMIGRATE);
        assertThat(guest.block().isPresent(PAGES - 1)).isTrue();
    }

    void recoverAndFinish() throws Exception {
        destination.recover("tcp:127.0.0.1:0");
        finish();
    }

    /** The source comes back to where it is awaited, and brings the rest. */
    void finish() throws Exception {
        try (ScriptedSource again = ScriptedSource.of(address())) {
            resume(again);
            again.pages(content, range(0, 16));
            again.pages(content, range(PAGES / 2, PAGES));
            again.end();
            again.awaitMessage(new ReturnPathMessage.Shut(0));
        }
        awaitStatus(MigrationStatus.COMPLETED);
    }

    void resume(ScriptedSource again) throws Exception {
        again.command(new Command.Ping(IdentityMark.of(identity)));
        again.command(new Command.ReceivedBitmap(CountingGuest.BLOCK));
        again.command(new Command.PostcopyResume());
        again.awaitMessage(new ReturnPathMessage.ResumeAck(1));
    }

    Socket connect() throws IOException {
        URI uri = URI.create("tcp://" + address().substring("tcp:".length()));
        return new Socket(uri.getHost(), uri.getPort());
    }
}
