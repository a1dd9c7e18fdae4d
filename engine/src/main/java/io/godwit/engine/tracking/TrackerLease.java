// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.tracking;

import io.godwit.engine.environment.Environment;
import io.godwit.engine.guest.Arrival;
import io.godwit.engine.guest.DirtyTracker;
import io.godwit.engine.guest.RunControl;
import io.godwit.engine.guest.RunState;
import io.godwit.engine.guest.Vcpus;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.report.MigrationStatistics;
import java.time.InstantSource;
import java.util.List;
import java.util.OptionalLong;
import java.util.SplittableRandom;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;

/**
 * Who has the guest's tracker, which serves one at a time: a migration, a measurement of the dirty rate, or the limits
 * of vCPUs' dirty rates that are set by hand. A migration comes first: a measurement ends for it, and the limits go by
 * its figures.
 *
 * <p>Threads: any. The lock is held for one harvest at most.
 */
public final class TrackerLease implements AutoCloseable {
    private final RunControl run;
    private final Supplier<MigrationStatistics> migration;
    private final BooleanSupplier migrationsLimit;
    private final DirtyRateMeter dirtyRate;
    private final VcpuDirtyLimits limits;
    private boolean closed;

    /**
     * Nobody has it.
     *
     * @param limited the guest's vCPUs, of which only the limits take time
     * @param migration a picture of the latest one
     * @param migrationsLimit whether a migration limits vCPUs itself ({@code dirty-limit})
     */
    public TrackerLease(
            Arrival guest,
            RunControl run,
            Vcpus limited,
            Supplier<MigrationStatistics> migration,
            BooleanSupplier migrationsLimit,
            Environment environment) {
        this.run = run;
        this.migration = migration;
        this.migrationsLimit = migrationsLimit;
        DirtyTracker tracker = guest.dirtyTracker();
        this.dirtyRate = new DirtyRateMeter(
                guest.ram(), tracker, environment, InstantSource.system(), new SplittableRandom().nextLong());
        this.limits = new VcpuDirtyLimits(guest.ram(), tracker, limited, new Surroundings(), environment);
    }

    /**
     * A migration gets the tracker; waits for one harvest at most.
     *
     * @param reason why a measurement ends
     * @param begin makes {@code migration} show it; it has the tracker when this method returns
     * @throws MigrationException.Refused if a measurement did not end in time; the migration has not begun then
     */
    public synchronized void giveToMigration(String reason, Runnable begin) {
        dirtyRate.yieldTracker(reason);
        begin.run();
        // From here on the tracker is not free, so the limits do not take it back.
        limits.yieldTracker();
    }

    /**
     * Begins to measure how fast the guest writes to its memory, and returns at once.
     *
     * @throws MigrationException.Refused if one runs, the guest does not, its memory is not all there, or somebody else
     * has its tracker
     */
    public synchronized void measure(DirtyRateRequest request) {
        refuseIfClosed();
        if (run.state() != RunState.RUNNING) {
            throw new MigrationException.Refused("The guest is " + run.state().publicName()
                    + "; how fast it writes can be measured while it is running.");
        }
        MigrationStatistics now = migration.get();
        if (isArriving(now)) {
            throw new MigrationException.Refused("The guest's memory is still arriving ("
                    + now.status().publicName() + "); its dirty rate can be measured when all of it is there.");
        }
        if (!now.status().isEnded() && request.mode().needsTracker()) {
            throw new MigrationException.Refused("A migration (" + now.status().publicName()
                    + ") has the guest's tracker, so the mode " + request.mode().publicName()
                    + " is not possible now; query-migrate tells the dirty rate, and page-sampling measures besides.");
        }
        if (request.mode().needsTracker() && !limits.picture().isEmpty()) {
            throw new MigrationException.Refused(
                    "The limits of vCPUs' dirty rates have the guest's tracker, so the mode "
                            + request.mode().publicName()
                            + " is not possible now; query-vcpu-dirty-limit tells what these"
                            + " vCPUs dirty, and page-sampling measures besides.");
        }
        dirtyRate.start(request);
    }

    /** A picture of the latest measurement. */
    public DirtyRate dirtyRate() {
        return dirtyRate.latest();
    }

    /**
     * Limits what vCPUs may dirty. Ends a measurement that needs the tracker, and waits for one harvest at most.
     *
     * @param vcpu its number; empty = all of them
     * @param mebibytesPerSecond the limit; 0 = none
     * @throws MigrationException.Refused if there is no such vCPU, the guest's memory is not all here, or a migration
     * limits them itself
     */
    public synchronized void limit(OptionalLong vcpu, long mebibytesPerSecond) {
        List<Integer> which = limits.vcpus(vcpu);
        refuseBesideMigration("set");
        if (mebibytesPerSecond == 0) {
            limits.cancel(which);
            return;
        }
        if (run.state() == RunState.INMIGRATE || isArriving(migration.get())) {
            throw new MigrationException.Refused(
                    "The guest's memory is not here yet; what its vCPUs dirty can be limited when all of it is.");
        }
        dirtyRate.yieldTracker("a limit of vCPUs' dirty rates was set");
        limits.set(which, mebibytesPerSecond);
    }

    /**
     * Takes limits away; from a vCPU without one nothing.
     *
     * @param vcpu its number; empty = all of them
     * @throws MigrationException.Refused if there is no such vCPU, or a migration limits them itself
     */
    public synchronized void unlimit(OptionalLong vcpu) {
        List<Integer> which = limits.vcpus(vcpu);
        refuseBesideMigration("cancel");
        limits.cancel(which);
    }

    /** The limits that were set, in the order of the vCPUs. */
    public List<VcpuDirtyLimit> limits() {
        return limits.picture();
    }

    private void refuseBesideMigration(String what) {
        refuseIfClosed();
        MigrationStatistics now = migration.get();
        if (now.outgoing() && !now.status().isEnded() && migrationsLimit.getAsBoolean()) {
            throw new MigrationException.Refused("can't " + what + " dirty page rate limit while migration is running");
        }
    }

    private void refuseIfClosed() {
        if (closed) {
            throw new MigrationException.Refused("This host is ending.");
        }
    }

    private static boolean isArriving(MigrationStatistics now) {
        return !now.outgoing() && !now.status().isEnded();
    }

    /** Ends measurement and limits for good: after this only a migration uses the tracker. */
    @Override
    public void close() {
        synchronized (this) {
            closed = true;
        }
        dirtyRate.close();
        limits.close();
    }

    private final class Surroundings implements VcpuDirtyLimits.Surroundings {
        @Override
        public boolean isTrackerFree() {
            return run.state() == RunState.RUNNING && migration.get().status().isEnded();
        }

        @Override
        public long migrationPagesPerSecond() {
            MigrationStatistics now = migration.get();
            return now.outgoing() && !now.status().isEnded() ? now.ram().dirtyPagesPerSecond() : 0;
        }

        @Override
        public long migrationSyncs() {
            return migration.get().throttle().syncs();
        }
    }
}
