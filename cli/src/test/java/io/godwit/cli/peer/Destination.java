// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.peer;

import io.godwit.engine.MigrationStatistics;
import io.godwit.engine.MigrationStatus;
import io.godwit.engine.Migrator;
import io.godwit.engine.arbiter.NoArbiter;
import io.godwit.engine.guest.RunControl;
import io.godwit.engine.guest.RunState;
import io.godwit.machines.opaque.OpaqueGuest;
import java.util.concurrent.CountDownLatch;

/** Godwit's incoming side, in this JVM, waiting for whatever a QEMU sends. */
final class Destination implements AutoCloseable {
    private static final long MAX_MEMORY_BYTES = 1L << 30;

    final OpaqueGuest guest = new OpaqueGuest(MAX_MEMORY_BYTES);
    final RunControl run = new RunControl(guest, new NoArbiter(), RunState.INMIGRATE);
    final Migrator migrator = new Migrator(guest, run);

    /** Listens; the address that QEMU is to be told. */
    String listen(String uri) {
        migrator.migrateIncoming(uri);
        return migrator.statistics().listenAddress().orElseThrow();
    }

    /** Counts down when the migration gets to this status. */
    CountDownLatch latchOn(MigrationStatus awaited) {
        return StatusLatch.on(migrator, awaited);
    }

    /** Waits until so many pages have been asked for. */
    void awaitRequests(long requests) {
        long deadline = System.nanoTime() + QemuProcess.PATIENCE.toNanos();
        while (migrator.statistics().postcopy().map(p -> p.requests()).orElse(0L) < requests) {
            if (System.nanoTime() - deadline > 0) {
                throw new AssertionError("too few requests for pages: " + migrator.statistics());
            }
            Thread.onSpinWait();
        }
    }

    /** What came of it. */
    MigrationStatistics outcome() throws InterruptedException {
        if (!migrator.awaitEnd(QemuProcess.PATIENCE)) {
            throw new AssertionError("the incoming migration has not ended: " + migrator.statistics());
        }
        return migrator.statistics();
    }

    @Override
    public void close() {
        migrator.close();
        run.shutdown();
        guest.close();
    }
}
