// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.engine.arbiter.FileLockArbiter;
import io.godwit.engine.guest.RunControl;
import io.godwit.engine.guest.RunState;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.settings.MigrationParameter;
import io.godwit.engine.settings.MigrationParameters;
import io.godwit.testkit.guest.CountingGuest;
import java.nio.file.Path;
import java.time.Duration;
import java.util.UUID;

/**
 * A source with a running guest and a destination that waits for it, both in this JVM, with an arbiter each as two
 * hosts have.
 */
final class Pair implements AutoCloseable {
    static final Duration PATIENCE = Duration.ofSeconds(60);

    /** A wire that carries 10,000 pages a second. */
    static final MigrationParameters NARROW_WIRE = MigrationParameters.DEFAULTS
            .with(MigrationParameter.MAX_BANDWIDTH, 40_000_000)
            .with(MigrationParameter.DOWNTIME_LIMIT, 10);

    /** How long a guest rests that writes some 12,800 pages a second, which is a little too fast for that wire. */
    static final long A_LITTLE_TOO_FAST = 5_000_000;

    final CountingGuest.Census census = new CountingGuest.Census();
    final CountingGuest sourceGuest;
    final CountingGuest destinationGuest = new CountingGuest(UUID.randomUUID(), census);
    final RunControl sourceRun;
    final RunControl destinationRun;
    final Migrator source;
    final Migrator destination;

    Pair(Path locks) {
        this(locks, locks);
    }

    /** With a directory of locks for each side, as two machines have. */
    Pair(Path sourceLocks, Path destinationLocks) {
        this(sourceLocks, destinationLocks, RamBlock.PAGE_BYTES);
    }

    /** With a source whose memory is said to consist of pages of this size. */
    Pair(Path sourceLocks, Path destinationLocks, int sourcePageBytes) {
        sourceGuest = new CountingGuest(UUID.randomUUID(), census, sourcePageBytes);
        sourceRun = new RunControl(sourceGuest, new FileLockArbiter(sourceLocks), RunState.PRELAUNCH);
        destinationRun = new RunControl(destinationGuest, new FileLockArbiter(destinationLocks), RunState.INMIGRATE);
        source = new Migrator(sourceGuest, sourceRun);
        destination = new Migrator(destinationGuest, destinationRun);
        source.setParameters(MigrationParameters.DEFAULTS
                .with(MigrationParameter.MAX_BANDWIDTH, 0)
                .with(MigrationParameter.HANDOVER_TIMEOUT, 2000)
                .with(MigrationParameter.CONNECT_TIMEOUT, 2000));
        destination.setVerifying(true);
        sourceGuest.fill(7);
        sourceRun.cont();
    }

    /** With a guest that writes some pages and then rests for so long, and with a source that is set like this. */
    static Pair writing(Path locks, long restNanos, MigrationParameters parameters) {
        Pair pair = new Pair(locks);
        pair.sourceGuest.restNanos = restNanos;
        pair.source.setParameters(parameters);
        return pair;
    }

    /** The destination listens; the address to send to. */
    String listen(String uri) {
        destination.migrateIncoming(uri);
        return destination.statistics().listenAddress().orElseThrow();
    }

    void migrate(String uri) throws InterruptedException {
        source.migrate(uri);
        awaitEnds();
    }

    void awaitEnds() throws InterruptedException {
        assertThat(source.awaitEnd(PATIENCE)).as("the source's migration ends").isTrue();
        assertThat(destination.awaitEnd(PATIENCE))
                .as("the destination's migration ends")
                .isTrue();
    }

    /** Waits until the guest that should run has counted on, which shows that it really runs. */
    static void assertCountsOn(CountingGuest guest) {
        long from = guest.counter();
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (guest.counter() < from + 500) {
            assertThat(System.nanoTime()).as("the guest runs").isLessThan(deadline);
            Thread.onSpinWait();
        }
    }

    void assertRunsAtDestinationOnly() {
        assertThat(destinationRun.state()).isEqualTo(RunState.RUNNING);
        assertThat(sourceRun.state()).isNotEqualTo(RunState.RUNNING);
        assertCountsOn(destinationGuest);
        assertThat(destinationGuest.mismatches.get())
                .as("mismatches the guest saw")
                .isZero();
        assertThat(census.most.get()).as("copies that ran at one instant").isEqualTo(1);
    }

    void assertRunsAtSourceOnly() {
        assertThat(sourceRun.state()).isEqualTo(RunState.RUNNING);
        assertThat(destinationRun.state()).isNotEqualTo(RunState.RUNNING);
        assertCountsOn(sourceGuest);
        assertThat(sourceGuest.mismatches.get()).as("mismatches the guest saw").isZero();
        assertThat(census.most.get()).as("copies that ran at one instant").isEqualTo(1);
    }

    @Override
    public void close() {
        source.close();
        destination.close();
        sourceRun.shutdown();
        destinationRun.shutdown();
        sourceGuest.close();
        destinationGuest.close();
    }
}
