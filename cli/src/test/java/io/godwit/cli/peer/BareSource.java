// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.peer;

import static io.godwit.cli.peer.QemuProcess.PATIENCE;
import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.engine.Migrator;
import io.godwit.engine.arbiter.NoArbiter;
import io.godwit.engine.guest.RunControl;
import io.godwit.engine.guest.RunState;
import io.godwit.engine.outcome.GuestOwner;
import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.engine.report.MigrationStatistics;
import io.godwit.engine.settings.MigrationParameter;
import io.godwit.engine.settings.MigrationParameters;
import java.util.concurrent.CountDownLatch;

/** A guest that runs here, with what it takes to send it. */
final class BareSource implements AutoCloseable {
    final BareGuest guest;
    final RunControl run;
    final Migrator migrator;

    BareSource(BareGuest guest) {
        this.guest = guest;
        run = new RunControl(guest, new NoArbiter(), RunState.PRELAUNCH);
        migrator = new Migrator(guest, run);
        migrator.setParameters(MigrationParameters.DEFAULTS.with(MigrationParameter.MAX_BANDWIDTH, 0));
        run.cont();
    }

    CountDownLatch latchOn(MigrationStatus awaited) {
        return StatusLatch.on(migrator, awaited);
    }

    MigrationStatistics outcome() throws InterruptedException {
        assertThat(migrator.awaitEnd(PATIENCE)).as("the migration ends").isTrue();
        return migrator.statistics();
    }

    void assertRunsHere() {
        assertThat(migrator.statistics().owner()).contains(GuestOwner.HERE);
        assertRuns();
    }

    void assertRuns() {
        assertThat(run.state()).isEqualTo(RunState.RUNNING);
        long before = guest.writes();
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (guest.writes() < before + 10) {
            assertThat(System.nanoTime()).as("the guest writes").isLessThan(deadline);
            Thread.onSpinWait();
        }
    }

    @Override
    public void close() {
        migrator.close();
        run.shutdown();
        guest.close();
    }
}
