// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.tracking;

import io.godwit.engine.environment.Environment;
import io.godwit.engine.environment.MonotonicClock;
import io.godwit.engine.environment.ThreadRole;
import io.godwit.engine.environment.Worker;
import io.godwit.engine.guest.DirtyTracker;
import io.godwit.engine.guest.Vcpus;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.memory.RamBlocks;
import io.godwit.engine.outcome.MigrationException;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;
import java.util.stream.IntStream;

/**
 * Keeps vCPUs below the dirty rates that somebody has set. While there is a limit the thread {@code vcpu-limit} looks
 * once a second what each vCPU has dirtied, and takes as much of its time as seems needed.
 *
 * <p>A migration that begins gets the guest's tracker ({@link #yieldTracker}); until its end the limits go by what the
 * tracker tells of vCPUs meanwhile, or by the migration's own figure. A tracker that cannot tell vCPUs apart makes them
 * all the same.
 *
 * <p>Threads: any. The lock is held for one harvest at most; {@link #picture} takes none.
 */
public final class VcpuDirtyLimits implements AutoCloseable {
    /** What is known outside of this class. */
    public interface Surroundings {
        /**
         * Whether the tracker may be taken: the guest runs here, all of its memory is here, and nobody else has the
         * tracker.
         */
        boolean isTrackerFree();

        /**
         * What all vCPUs together dirty by the figures of the migration that has the tracker, in pages a second; 0 if
         * not known yet.
         */
        long migrationPagesPerSecond();

        /** How often the migration has synchronised: its figure is of the latest time. */
        long migrationSyncs();
    }

    private static final System.Logger LOG = System.getLogger(VcpuDirtyLimits.class.getName());

    private static final long PERIOD_NANOS = 1_000_000_000;

    private final RamBlocks blocks;
    private final DirtyTracker tracker;
    private final Vcpus vcpus;
    private final Surroundings surroundings;
    private final Environment environment;
    private final MonotonicClock clock;
    private final Lock lock;
    private final Condition changed;
    private volatile List<VcpuDirtyLimit> picture = List.of();

    // Guarded by lock.
    private final SortedMap<Integer, VcpuDirtyLimit> limits = new TreeMap<>();
    private final int[] percent;
    private long[] vcpuPagesBefore = new long[0];
    private long sinceNanos;
    private long judgedSyncs;
    private boolean tracking;
    private boolean closed;
    private Optional<Worker> watcher = Optional.empty();

    /**
     * No limits.
     *
     * @param vcpus those of the guest, of which only this takes time
     */
    public VcpuDirtyLimits(
            RamBlocks blocks, DirtyTracker tracker, Vcpus vcpus, Surroundings surroundings, Environment environment) {
        this.blocks = blocks;
        this.tracker = tracker;
        this.vcpus = vcpus;
        this.surroundings = surroundings;
        this.environment = environment;
        this.clock = environment.clock();
        this.lock = environment.newLock();
        this.changed = lock.newCondition();
        this.percent = new int[vcpus.count()];
    }

    /**
     * The vCPUs that a command names.
     *
     * @param vcpu its number; empty = all of them
     * @throws MigrationException.Refused if there is no such vCPU
     */
    public List<Integer> vcpus(OptionalLong vcpu) {
        int count = vcpus.count();
        if (vcpu.isEmpty()) {
            return IntStream.range(0, count).boxed().toList();
        }
        if (vcpu.getAsLong() < 0 || vcpu.getAsLong() >= count) {
            throw new MigrationException.Refused("incorrect cpu index specified");
        }
        return List.of((int) vcpu.getAsLong());
    }

    /** Limits these vCPUs to so many MiB a second, 1 or more, from now on. */
    public void set(Collection<Integer> which, long mebibytesPerSecond) {
        lock.lock();
        try {
            if (closed || which.isEmpty()) {
                return;
            }
            if (limits.isEmpty()) {
                takeTracker();
            }
            for (int vcpu : which) {
                limits.put(vcpu, new VcpuDirtyLimit(vcpu, mebibytesPerSecond, currentOf(vcpu)));
            }
            show();
            if (watcher.isEmpty()) {
                watcher = Optional.of(environment.start(ThreadRole.VCPU_LIMIT, this::watch));
            }
        } finally {
            lock.unlock();
        }
    }

    private long currentOf(int vcpu) {
        VcpuDirtyLimit limit = limits.get(vcpu);
        return limit == null ? 0 : limit.currentMebibytesPerSecond();
    }

    /** Takes the limits away from these vCPUs and gives them their time back; from one without a limit nothing. */
    public void cancel(Collection<Integer> which) {
        lock.lock();
        try {
            for (int vcpu : which) {
                limits.remove(vcpu);
                take(vcpu, 0);
            }
            show();
            if (limits.isEmpty()) {
                stopTracking();
                changed.signalAll();
            }
        } finally {
            lock.unlock();
        }
    }

    /** The limits that are set, in the order of the vCPUs. */
    public List<VcpuDirtyLimit> picture() {
        return picture;
    }

    /** Somebody else is about to use the tracker, which is not free from now on; waits for one harvest at most. */
    public void yieldTracker() {
        lock.lock();
        try {
            stopTracking();
        } finally {
            lock.unlock();
        }
    }

    /** Judges the period since the last time. */
    void judge() {
        lock.lock();
        try {
            if (limits.isEmpty()) {
                return;
            }
            long now = clock.nanoTime();
            double[] pages = pagesPerSecond(now);
            sinceNanos = now;
            if (pages.length > 0) {
                for (VcpuDirtyLimit limit : limits.values()) {
                    take(limit.vcpu(), limit.percent(pages[limit.vcpu()], percent[limit.vcpu()]));
                }
                limits.replaceAll((vcpu, limit) -> limit.measured(pages[vcpu]));
                show();
            }
            if (!tracking && surroundings.isTrackerFree()) {
                takeTracker();
            }
        } finally {
            lock.unlock();
        }
    }

    /** What each vCPU has dirtied since the last time; empty if that is not known. */
    private double[] pagesPerSecond(long now) {
        double seconds = Math.max(1, now - sinceNanos) / 1e9;
        long harvested = 0;
        if (tracking) {
            for (RamBlock block : blocks.snapshot().blocks()) {
                harvested += tracker.harvestUnlessGone(block);
            }
        }
        double[] rates = new double[vcpus.count()];
        long[] counts = tracker.vcpuPages();
        if (counts.length == 0) {
            if (!tracking && !isNewSync()) {
                return new double[0];
            }
            double all = tracking ? harvested / seconds : surroundings.migrationPagesPerSecond();
            Arrays.fill(rates, all / Math.max(1, rates.length));
            return tracking || all > 0 ? rates : new double[0];
        }
        for (int vcpu = 0; vcpu < rates.length; vcpu++) {
            long before = vcpu < vcpuPagesBefore.length ? vcpuPagesBefore[vcpu] : 0;
            // Who starts the tracker makes it count from 0 again.
            rates[vcpu] = (counts[vcpu] < before ? counts[vcpu] : counts[vcpu] - before) / seconds;
        }
        vcpuPagesBefore = counts;
        return rates;
    }

    /** A figure is judged once: it was measured at what is taken since the judgement before. */
    private boolean isNewSync() {
        long syncs = surroundings.migrationSyncs();
        boolean isNew = syncs != judgedSyncs;
        judgedSyncs = syncs;
        return isNew;
    }

    private void take(int vcpu, int wanted) {
        if (percent[vcpu] != wanted) {
            percent[vcpu] = wanted;
            vcpus.throttle(vcpu, wanted);
        }
    }

    private void show() {
        picture = List.copyOf(limits.values());
    }

    private void takeTracker() {
        if (surroundings.isTrackerFree()) {
            // Before it starts: one that starts half has to be stopped too.
            tracking = true;
            tracker.start();
        }
        vcpuPagesBefore = tracker.vcpuPages();
        sinceNanos = clock.nanoTime();
    }

    private void stopTracking() {
        if (tracking) {
            tracking = false;
            try {
                tracker.stop();
            } catch (RuntimeException | Error e) {
                // It makes the guest slower; it decides nothing.
                LOG.log(System.Logger.Level.WARNING, "dirty tracking could not be stopped", e);
            }
        }
    }

    private void watch() {
        try {
            while (awaitPeriod()) {
                judge();
            }
        } catch (RuntimeException | Error e) {
            LOG.log(System.Logger.Level.WARNING, "what vCPUs dirty cannot be seen any more; their limits end", e);
            giveUp();
        }
    }

    private boolean awaitPeriod() {
        lock.lock();
        try {
            long end = clock.nanoTime() + PERIOD_NANOS;
            for (long left = PERIOD_NANOS; left > 0 && !closed && !limits.isEmpty(); left = end - clock.nanoTime()) {
                long _ = changed.awaitNanos(left);
            }
        } catch (InterruptedException _) {
            // Nobody interrupts this thread but a JVM that ends.
            closed = true;
        } finally {
            lock.unlock();
        }
        return isWanted();
    }

    private boolean isWanted() {
        lock.lock();
        try {
            boolean wanted = !closed && !limits.isEmpty();
            if (!wanted) {
                watcher = Optional.empty();
            }
            return wanted;
        } finally {
            lock.unlock();
        }
    }

    private void giveUp() {
        lock.lock();
        try {
            limits.clear();
            watcher = Optional.empty();
            for (int vcpu = 0; vcpu < percent.length; vcpu++) {
                take(vcpu, 0);
            }
            show();
            stopTracking();
        } finally {
            lock.unlock();
        }
    }

    /** Ends all limits; when this returns nobody reads the guest's tracker here. */
    @Override
    public void close() {
        Optional<Worker> last;
        lock.lock();
        try {
            closed = true;
            last = watcher;
            giveUp();
            changed.signalAll();
        } finally {
            lock.unlock();
        }
        last.ifPresent(Worker::awaitEnd);
    }
}
