// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing;

import io.godwit.engine.Capability;
import io.godwit.engine.MigrationParameters;
import io.godwit.engine.ThrottleStatistics;
import io.godwit.engine.guest.DirtyTracker;
import io.godwit.engine.guest.RunState;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.memory.RamBlocks;
import io.godwit.engine.policy.AutoConverge;
import io.godwit.engine.policy.DirtyLimit;
import io.godwit.engine.policy.ThrottlePolicy;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Synchronises the dirty bitmaps with the tracker: at the end of a pass on {@code mig-outgoing}, within a long one on {@code mig-watch}, one of
 * them at a time. After each it judges whether the guest has to be throttled. No vCPU takes the lock, nor does it stand in the way of who sends pages.
 */
final class DirtySync {
    /** Less than this says little about a rate; QEMU judges no shorter period either. */
    private static final long SHORTEST_PERIOD_NANOS = 1_000_000_000;

    private final ReentrantLock lock = new ReentrantLock();
    private final OutgoingMigration.Plan plan;
    private final List<RamBlock> blocks;
    private final DirtyTracker tracker;
    private final OutgoingProgress progress;
    private final Optional<FreePageHints> freePages;
    private final Throttle throttle;
    private final Optional<ThrottlePolicy> throttling;

    private long syncedAtNanos;
    private long periodNanos;
    private long periodSentBytes;
    private long periodNewPages;
    private long[] periodVcpuPages = new long[0];
    private long syncs;
    private long backgroundSyncs;
    private long syncNanos;
    private long longestSyncNanos;

    DirtySync(
            OutgoingMigration.Plan plan,
            RamBlocks.Snapshot ram,
            OutgoingProgress progress,
            Optional<FreePageHints> freePages) {
        this.plan = plan;
        this.blocks = ram.blocks();
        this.tracker = plan.guest().dirtyTracker();
        this.progress = progress;
        this.freePages = freePages;
        this.throttle = new Throttle(plan.guest().vcpus(), plan.parameters(), plan.clock());
        this.throttling = throttling(plan.capabilities());
    }

    private static Optional<ThrottlePolicy> throttling(Set<Capability> on) {
        if (on.contains(Capability.DIRTY_LIMIT)) {
            return Optional.of(new DirtyLimit());
        }
        return on.contains(Capability.AUTO_CONVERGE) ? Optional.of(new AutoConverge()) : Optional.empty();
    }

    /** Every page is to be sent, and from now on writes are tracked. */
    void begin() {
        blocks.forEach(RamBlock::beginSending);
        tracker.start();
        syncedAtNanos = plan.clock().nanoTime();
        beginPeriod(syncedAtNanos);
    }

    /** Whether the guest may be throttled for this migration. */
    boolean throttles() {
        return throttling.isPresent();
    }

    /** {@link ThrottlePolicy#isAtMost}. */
    boolean isThrottleAtMost() {
        return throttling.isPresent()
                && throttling
                        .get()
                        .isAtMost(throttle.percent(), plan.parameters().get());
    }

    /** How long a pass may last, in nanoseconds, until it is synchronised in the background; 0 = for ever. */
    long intervalNanos() {
        MigrationParameters now = plan.parameters().get();
        return throttling.map(policy -> now.get(policy.interval()) * 1_000_000).orElse(0L);
    }

    /** At the end of a pass, or with the guest stopped. */
    void sync() {
        // First of all: a hint that is applied behind a harvest undoes what the harvest has found. Within the first
        // pass nobody else harvests.
        freePages.ifPresent(FreePageHints::close);
        lock.lock();
        try {
            long _ = harvest();
        } finally {
            lock.unlock();
        }
    }

    /** Within a pass; returns how long it took, in nanoseconds. */
    long syncInBackground() {
        lock.lock();
        try {
            backgroundSyncs++;
            return harvest();
        } finally {
            lock.unlock();
        }
    }

    private long harvest() {
        long begin = plan.clock().nanoTime();
        long pages = 0;
        for (RamBlock block : blocks) {
            pages += tracker.harvest(block);
        }
        freePages.ifPresent(FreePageHints::harvested);
        long now = plan.clock().nanoTime();
        progress.dirtyPagesPerSecond = (long) (pages * 1e9 / Math.max(1, now - syncedAtNanos));
        syncedAtNanos = now;
        long took = now - begin;
        syncs++;
        syncNanos += took;
        longestSyncNanos = Math.max(longestSyncNanos, took);
        judge(now);
        progress.throttle = statistics();
        return took;
    }

    private void judge(long now) {
        if (now - periodNanos < shortestPeriodNanos()) {
            return;
        }
        if (throttling.isPresent() && plan.run().state() == RunState.RUNNING) {
            ThrottlePolicy.Period period = new ThrottlePolicy.Period(
                    now - periodNanos,
                    (newPages() - periodNewPages) * RamBlock.PAGE_BYTES,
                    progress.transferredBytes.get() - periodSentBytes);
            throttle.set(throttling
                    .get()
                    .judge(
                            period,
                            vcpuPages(),
                            throttle.percents(),
                            plan.parameters().get()));
        }
        beginPeriod(now);
    }

    /** What each vCPU wrote in this period, or each the same if the tracker does not know. */
    private long[] vcpuPages() {
        long[] now = tracker.vcpuPages();
        if (now.length == 0) {
            now = new long[plan.guest().vcpus().count()];
            Arrays.fill(now, (newPages() - periodNewPages) / now.length);
            return now;
        }
        for (int vcpu = 0; vcpu < now.length; vcpu++) {
            now[vcpu] -= vcpu < periodVcpuPages.length ? periodVcpuPages[vcpu] : 0;
        }
        return now;
    }

    private long shortestPeriodNanos() {
        long interval = intervalNanos();
        return interval == 0 ? SHORTEST_PERIOD_NANOS : Math.min(interval, SHORTEST_PERIOD_NANOS) * 9 / 10;
    }

    private void beginPeriod(long now) {
        periodNanos = now;
        periodSentBytes = progress.transferredBytes.get();
        periodNewPages = newPages();
        periodVcpuPages = tracker.vcpuPages();
    }

    /** Pages that have become dirty so far without having been so. */
    private long newPages() {
        long pages = 0;
        for (RamBlock block : blocks) {
            pages += block.dirtyBitmap().newlySetCount();
        }
        return pages;
    }

    private ThrottleStatistics statistics() {
        return new ThrottleStatistics(
                throttle.percent(),
                throttle.highestPercent(),
                throttle.throttledNanos() / 1_000_000,
                throttle.lastedNanos() / 1_000_000,
                syncs,
                backgroundSyncs,
                syncNanos / 1000,
                longestSyncNanos / 1000);
    }

    /** Nanoseconds that all syncs have taken so far. */
    long syncNanos() {
        lock.lock();
        try {
            return syncNanos;
        } finally {
            lock.unlock();
        }
    }

    /** Gives the guest its time back. */
    void release() {
        lock.lock();
        try {
            throttle.setAll(0);
            progress.throttle = statistics();
        } finally {
            lock.unlock();
        }
    }
}
