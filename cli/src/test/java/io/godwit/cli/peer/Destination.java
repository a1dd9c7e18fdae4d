// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.peer;

import io.godwit.engine.Migrator;
import io.godwit.engine.arbiter.NoArbiter;
import io.godwit.engine.guest.RunControl;
import io.godwit.engine.guest.RunState;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.engine.report.MigrationStatistics;
import io.godwit.machines.opaque.OpaqueGuest;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;

/** Godwit's incoming side, in this JVM, waiting for whatever a QEMU sends. */
final class Destination implements AutoCloseable {
    private static final long MAX_MEMORY_BYTES = 1L << 30;

    final OpaqueGuest guest = new OpaqueGuest(MAX_MEMORY_BYTES);
    final RunControl run = new RunControl(guest, new NoArbiter(), RunState.INMIGRATE);
    final Migrator migrator = new Migrator(guest, run);
    private Optional<RandomTouches> touches = Optional.empty();

    /** Listens; the address that QEMU is to be told. */
    String listen(String uri) {
        migrator.migrateIncoming(uri);
        return migrator.statistics().listenAddress().orElseThrow();
    }

    /** Counts down when the migration gets to this status. */
    CountDownLatch latchOn(MigrationStatus awaited) {
        return StatusLatch.on(migrator, awaited);
    }

    /** What came of it. */
    MigrationStatistics outcome() throws InterruptedException {
        if (!migrator.awaitEnd(QemuProcess.PATIENCE)) {
            throw new AssertionError("the incoming migration has not ended: " + migrator.statistics());
        }
        return migrator.statistics();
    }

    /** Reads random pages of the guest, which is not run, while they arrive; see {@link RandomTouches}. */
    RandomTouches touch(RamBlock block, long seed, int threadCount, int pagesEach) {
        RandomTouches started = new RandomTouches(block, seed, threadCount, pagesEach);
        touches = Optional.of(started);
        return started;
    }

    @Override
    public void close() {
        migrator.close();
        // Only now do pages that never came read as zeros, and only later does the memory go.
        touches.ifPresent(RandomTouches::end);
        run.shutdown();
        guest.close();
    }
}
