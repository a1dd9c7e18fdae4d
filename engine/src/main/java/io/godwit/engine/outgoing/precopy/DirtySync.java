// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing.precopy;

import io.godwit.engine.guest.DirtyTracker;
import io.godwit.engine.guest.RunState;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.memory.RamBlocks;
import io.godwit.engine.outgoing.plan.OutgoingPlan;
import io.godwit.engine.outgoing.plan.OutgoingProgress;
import io.godwit.engine.outgoing.wire.WireMeter;
import io.godwit.engine.report.ThrottleStatistics;
import io.godwit.engine.settings.Capability;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.Lock;
import java.util.function.ToLongFunction;

/**
 * Synchronises the dirty bitmaps with the tracker: at the end of a pass on {@code mig-outgoing}, within a long one on
 * {@code mig-watch}, one of them at a time; and lets {@link ForecastFeed}, {@link ThrottleJudge} and {@link
 * AutopilotControl} make of it what they can. No vCPU takes the lock, nor does it stand in the way of who sends pages.
 */
public final class DirtySync {
    private final Lock lock;
    private final OutgoingPlan plan;
    private final DirtyTracker tracker;
    private final OutgoingProgress progress;
    private final AtomicLong hotPages = new AtomicLong();
    private final Optional<FreePageHints> freePages;
    private final MigrationThrottle throttle;
    private final ThrottleJudge throttling;
    private final ForecastFeed forecastFeed;
    private final AutopilotControl steering;
    private final boolean autopilot;

    // Guarded by lock.
    private List<RamBlock> blocks;
    private long newPagesOfGoneBlocks;
    private long syncedAtNanos;
    private long syncs;
    private long backgroundSyncs;
    private long syncNanos;
    private long longestSyncNanos;
    private long harvestNanos;
    private boolean isFirstLook = true;
    private boolean released;

    // Written under the lock, read by mig-watch without it.
    private volatile long lastSyncNanos;
    private volatile boolean hurry;

    public DirtySync(
            OutgoingPlan plan,
            RamBlocks.Snapshot ram,
            OutgoingProgress progress,
            WireMeter meter,
            Optional<FreePageHints> freePages,
            PostcopyTrigger trigger) {
        this.plan = plan;
        this.lock = plan.environment().newLock();
        this.blocks = ram.blocks();
        this.tracker = plan.guest().dirtyTracker();
        this.progress = progress;
        this.freePages = freePages;
        this.throttle = new MigrationThrottle(plan.throttled(), plan.clock());
        this.throttling = new ThrottleJudge(plan, meter, throttle);
        this.forecastFeed = new ForecastFeed(plan, ram, progress, meter, trigger);
        this.steering = new AutopilotControl(throttle, trigger);
        this.autopilot = plan.capabilities().contains(Capability.AUTOPILOT);
        this.hurry = isInHurry();
    }

    /** Every page is to be sent, and from now on writes are tracked. */
    void begin() {
        blocks.forEach(RamBlock::beginSending);
        tracker.start();
        syncedAtNanos = plan.clock().nanoTime();
        // What was taken before is no part of the first interval.
        double _ = throttle.takenShare(1);
        throttling.begin(syncedAtNanos, newPages());
        forecastFeed.begin(syncedAtNanos);
    }

    /** Blocks have come and gone. */
    void changeTo(RamBlocks.Snapshot next) {
        lock.lock();
        try {
            for (RamBlock block : blocks) {
                newPagesOfGoneBlocks +=
                        next.blocks().contains(block) ? 0 : block.dirtyBitmap().newlySetCount();
            }
            blocks = next.blocks();
            forecastFeed.changeTo(next);
        } finally {
            lock.unlock();
        }
    }

    /** Whether the guest may be throttled for this migration. */
    boolean throttles() {
        return throttling.isOn() || autopilot;
    }

    /** {@link ThrottleJudge#isAtMost}. */
    boolean isThrottleAtMost() {
        return throttling.isAtMost();
    }

    /** How long a pass may go on from now, in nanoseconds, until it is synchronised in the background; 0 = for ever. */
    long intervalNanos() {
        long millis = plan.parameters().get().get(throttling.interval());
        return SyncInterval.nanos(throttles() ? millis * 1_000_000 : 0, lastSyncNanos, hurry);
    }

    /** What autopilot has chosen is seen to be enough, or not, at the next sync. */
    private boolean isInHurry() {
        return autopilot || throttling.isInHurry();
    }

    /**
     * Within the first pass, a few times: what the guest writes is not known before. Not while it may still tell of
     * free pages, because those are taken out of the bitmap until the first harvest only. Takes nothing from the guest,
     * whose every page is on its way anyway.
     *
     * @param hot learns what was written
     * @return how long it took, in nanoseconds
     */
    long look(HotPages hot) {
        if (freePages.isPresent() && freePages.get().isAsking()) {
            return 0;
        }
        freePages.ifPresent(FreePageHints::close);
        lock.lock();
        try {
            long begin = plan.clock().nanoTime();
            long _ = harvest(block -> hot.harvest(tracker, block), isFirstLook, false);
            isFirstLook = false;
            if (isRunning()) {
                forecastFeed.lookedIntoFirstPass(syncedAtNanos, hot.count(blocks), throttle.averagePercent());
            }
            progress.throttle = statistics();
            return plan.clock().nanoTime() - begin;
        } finally {
            lock.unlock();
        }
    }

    /** So many hot pages were left for the second pass. */
    void leftHot(long pages) {
        long _ = hotPages.addAndGet(pages);
    }

    /** At the end of a pass, or with the guest stopped. */
    void sync() {
        // First of all: a hint that is applied behind a harvest undoes what the harvest has found. Within the first
        // pass nobody else harvests.
        freePages.ifPresent(FreePageHints::close);
        lock.lock();
        try {
            long _ = harvest(tracker::harvestUnlessGone, false, true);
            progress.throttle = statistics();
        } finally {
            lock.unlock();
        }
    }

    /** After {@link #sync} at the end of a pass that another one follows. */
    void judgePass() {
        lock.lock();
        try {
            judge(true);
            progress.throttle = statistics();
        } finally {
            lock.unlock();
        }
    }

    /** Within a pass; returns how long it took, in nanoseconds. */
    long syncInBackground() {
        lock.lock();
        try {
            backgroundSyncs++;
            long took = harvest(tracker::harvestUnlessGone, false, false);
            judge(false);
            progress.throttle = statistics();
            return took;
        } finally {
            lock.unlock();
        }
    }

    /** {@link ForecastFeed#limitChanged}; behind the first pass, where looks tell. */
    void limitChanged() {
        lock.lock();
        try {
            if (isRunning()) {
                forecastFeed.limitChanged(plan.clock().nanoTime(), throttle.averagePercent());
            }
        } finally {
            lock.unlock();
        }
    }

    private boolean isRunning() {
        return !released && plan.run().state() == RunState.RUNNING;
    }

    /** Returns how long it took; for the rest see {@link ForecastFeed#noteSent}. */
    private long harvest(ToLongFunction<RamBlock> harvest, boolean fillsBuffers, boolean endsPass) {
        long begin = plan.clock().nanoTime();
        long pages = blocks.stream().mapToLong(harvest).sum();
        throttling.harvested(pages);
        freePages.ifPresent(FreePageHints::harvested);
        long now = plan.clock().nanoTime();
        long nanos = now - syncedAtNanos;
        progress.dirtyPagesPerSecond = (long) (pages * 1e9 / Math.max(1, nanos));
        syncedAtNanos = now;
        long took = now - begin;
        syncs++;
        syncNanos += took;
        harvestNanos = took;
        lastSyncNanos = took;
        longestSyncNanos = Math.max(longestSyncNanos, took);
        double taken = throttle.takenShare(nanos);
        if (isRunning()) {
            forecastFeed.harvested(now, nanos, taken, pages);
            forecastFeed.noteSent(now, fillsBuffers, endsPass);
        }
        return took;
    }

    /** What the latest sync found. */
    private void judge(boolean endsPass) {
        if (!isRunning()) {
            return;
        }
        long begin = plan.clock().nanoTime();
        forecastFeed.judge(syncedAtNanos, throttle.averagePercent()).ifPresent(steering::steer);
        throttling.judge(syncedAtNanos, newPages(), intervalNanos(), endsPass);
        hurry = isInHurry();
        lastSyncNanos = harvestNanos + plan.clock().nanoTime() - begin;
    }

    /** How many pages the next pass is likely to leave; empty if nobody knows, or {@code autopilot} is off. */
    OptionalLong pagesAfterPass() {
        lock.lock();
        try {
            return forecastFeed.pagesAfterPass(plan.clock().nanoTime(), throttle.averagePercent());
        } finally {
            lock.unlock();
        }
    }

    /** Pages that so far have to be sent again, or later than it was their turn, because the guest wrote them. */
    private long newPages() {
        long pages = newPagesOfGoneBlocks + hotPages.get();
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
                longestSyncNanos / 1000,
                throttling.dirtyLimit());
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

    /** Gives the guest its time back, for good. Does nothing when repeated. */
    void release() {
        lock.lock();
        try {
            if (released) {
                // The next migration may have begun to throttle.
                return;
            }
            released = true;
            throttle.setAll(0);
            progress.throttle = statistics();
        } finally {
            lock.unlock();
        }
    }
}
