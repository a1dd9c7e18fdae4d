// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing;

import io.godwit.engine.Capability;
import io.godwit.engine.DirtyLimitRound;
import io.godwit.engine.MigrationParameter;
import io.godwit.engine.MigrationParameters;
import io.godwit.engine.ThrottleStatistics;
import io.godwit.engine.forecast.Autopilot.Choice;
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
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Synchronises the dirty bitmaps with the tracker: at the end of a pass on {@code mig-outgoing}, within a long one on {@code mig-watch}, one of
 * them at a time. After each it judges whether the guest has to be throttled. No vCPU takes the lock, nor does it stand in the way of who sends pages.
 */
final class DirtySync {
    /** QEMU judges no shorter period; here a shorter interval is judged too. */
    private static final long SHORTEST_PERIOD_NANOS = 1_000_000_000;

    private final ReentrantLock lock = new ReentrantLock();
    private final OutgoingMigration.Plan plan;
    private final DirtyTracker tracker;
    private final OutgoingProgress progress;
    private final Optional<FreePageHints> freePages;
    private final Throttle throttle;
    private final Optional<ThrottlePolicy> throttling;
    private final Foresight foresight;
    private final PostcopyTrigger trigger;
    private final boolean autopilot;

    // Guarded by lock.
    private List<RamBlock> blocks;
    private long newPagesOfGoneBlocks;

    private long syncedAtNanos;
    private long periodNanos;
    private long periodSentBytes;
    private long periodNewPages;
    private long periodHarvestedPages;
    private long[] periodVcpuPages = new long[0];
    private long syncs;
    private long backgroundSyncs;
    private long syncNanos;
    private long longestSyncNanos;
    private Optional<DirtyLimitRound> dirtyLimit = Optional.empty();
    private int looks;
    private int lessInARow;
    private int postcopyInARow;
    private boolean released;

    // Written under the lock, read by mig-watch without it.
    private volatile long lastSyncNanos;
    private volatile boolean hurry;

    /** When a sync takes place. */
    private enum Occasion {
        LOOK,
        WITHIN_PASS,
        PASS_END
    }

    DirtySync(
            OutgoingMigration.Plan plan,
            RamBlocks.Snapshot ram,
            OutgoingProgress progress,
            Optional<FreePageHints> freePages,
            PostcopyTrigger trigger) {
        this.plan = plan;
        this.blocks = ram.blocks();
        this.tracker = plan.guest().dirtyTracker();
        this.progress = progress;
        this.freePages = freePages;
        this.throttle = new Throttle(plan.throttled(), plan.parameters(), plan.clock());
        this.throttling = throttling(plan.capabilities());
        this.foresight = new Foresight(plan, ram, progress, trigger);
        this.trigger = trigger;
        this.autopilot = plan.capabilities().contains(Capability.AUTOPILOT);
        // What autopilot has chosen is seen to be enough, or not, at the next sync.
        this.hurry = autopilot || (throttling.isPresent() && throttling.get().isInHurry());
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
        foresight.begin(syncedAtNanos);
    }

    /** Blocks have come and gone. */
    void follow(RamBlocks.Snapshot next) {
        lock.lock();
        try {
            for (RamBlock block : blocks) {
                newPagesOfGoneBlocks +=
                        next.blocks().contains(block) ? 0 : block.dirtyBitmap().newlySetCount();
            }
            blocks = next.blocks();
            foresight.follow(next);
        } finally {
            lock.unlock();
        }
    }

    /** Whether the guest may be throttled for this migration. */
    boolean throttles() {
        return throttling.isPresent() || autopilot;
    }

    /** {@link ThrottlePolicy#isAtMost}. */
    boolean isThrottleAtMost() {
        return throttling.isPresent()
                && throttling
                        .get()
                        .isAtMost(throttle.percent(), plan.parameters().get());
    }

    /** How long a pass may go on from now, in nanoseconds, until it is synchronised in the background; 0 = for ever. */
    long intervalNanos() {
        MigrationParameters now = plan.parameters().get();
        MigrationParameter interval =
                throttling.map(ThrottlePolicy::interval).orElse(MigrationParameter.BACKGROUND_SYNC_INTERVAL);
        long parameter = throttles() ? now.get(interval) * 1_000_000 : 0;
        return SyncInterval.nanos(parameter, lastSyncNanos, hurry);
    }

    /**
     * Within the first pass, a few times: what the guest writes is not known before. Not while it may still tell of free pages, because those are taken out
     * of the bitmap until the first harvest only. Takes nothing from the guest, whose every page is on its way anyway.
     *
     * @return how long it took, in nanoseconds
     */
    long look() {
        if (freePages.isPresent() && freePages.get().isAsking()) {
            return 0;
        }
        freePages.ifPresent(FreePageHints::close);
        lock.lock();
        try {
            looks++;
            return harvest(Occasion.LOOK);
        } finally {
            lock.unlock();
        }
    }

    /** At the end of a pass, or with the guest stopped. */
    void sync() {
        // First of all: a hint that is applied behind a harvest undoes what the harvest has found. Within the first
        // pass nobody else harvests.
        freePages.ifPresent(FreePageHints::close);
        lock.lock();
        try {
            long _ = harvest(Occasion.PASS_END);
        } finally {
            lock.unlock();
        }
    }

    /** Within a pass; returns how long it took, in nanoseconds. */
    long syncInBackground() {
        lock.lock();
        try {
            backgroundSyncs++;
            return harvest(Occasion.WITHIN_PASS);
        } finally {
            lock.unlock();
        }
    }

    private long harvest(Occasion occasion) {
        long begin = plan.clock().nanoTime();
        long pages = 0;
        for (RamBlock block : blocks) {
            pages += tracker.harvestUnlessGone(block);
        }
        periodHarvestedPages += pages;
        freePages.ifPresent(FreePageHints::harvested);
        long now = plan.clock().nanoTime();
        progress.dirtyPagesPerSecond = (long) (pages * 1e9 / Math.max(1, now - syncedAtNanos));
        long nanos = now - syncedAtNanos;
        syncedAtNanos = now;
        long took = now - begin;
        syncs++;
        syncNanos += took;
        lastSyncNanos = took;
        longestSyncNanos = Math.max(longestSyncNanos, took);
        if (!released && plan.run().state() == RunState.RUNNING) {
            foresee(now, nanos, pages, occasion);
            if (occasion != Occasion.LOOK) {
                judge(now, occasion == Occasion.PASS_END);
            }
            lastSyncNanos = plan.clock().nanoTime() - begin;
        }
        progress.throttle = statistics();
        return took;
    }

    private void foresee(long now, long nanos, long pages, Occasion occasion) {
        boolean look = occasion == Occasion.LOOK;
        foresight.harvested(now, nanos, throttle.percent(), pages);
        foresight.noteSent(now, look && looks == 1, occasion == Occasion.PASS_END);
        Optional<Choice> choice = foresight.judge(now, look, throttle.percent());
        if (!look) {
            choice.ifPresent(this::steer);
        }
    }

    /** More is taken at once, less when it was seen twice that less will do; and twice, that only postcopy will, because there is no way back. */
    private void steer(Choice choice) {
        postcopyInARow = choice.postcopy() ? postcopyInARow + 1 : 0;
        if (choice.postcopy()) {
            if (postcopyInARow >= 2) {
                trigger.ask();
            }
            return;
        }
        int now = throttle.percent();
        lessInARow = choice.percent() < now ? lessInARow + 1 : 0;
        if (choice.percent() > now || lessInARow >= 2) {
            throttle.setAll(choice.percent());
            lessInARow = 0;
        }
    }

    /** How many pages the next pass is likely to leave; empty if nobody knows, or {@code autopilot} is off. */
    OptionalLong pagesAfterPass() {
        lock.lock();
        try {
            return foresight.pagesAfterPass(plan.clock().nanoTime(), throttle.percent());
        } finally {
            lock.unlock();
        }
    }

    private void judge(long now, boolean endsPass) {
        if (now - periodNanos < shortestPeriodNanos()) {
            return;
        }
        if (throttling.isPresent()) {
            ThrottlePolicy.Period period = new ThrottlePolicy.Period(
                    now - periodNanos,
                    (newPages() - periodNewPages) * RamBlock.PAGE_BYTES,
                    progress.transferredBytes.get() - periodSentBytes,
                    endsPass);
            long[] pages = vcpuPages();
            int[] before = throttle.percents();
            throttle.set(throttling
                    .get()
                    .judge(period, pages, before, plan.parameters().get()));
            if (plan.capabilities().contains(Capability.DIRTY_LIMIT) && throttle.highestPercent() > 0) {
                dirtyLimit = Optional.of(DirtyLimitRound.of(period.nanos(), pages, before, throttle.percents()));
            }
            hurry = throttling.get().isInHurry();
        }
        beginPeriod(now);
    }

    /** What each vCPU wrote in this period, or each the same if the tracker does not know. */
    private long[] vcpuPages() {
        long[] now = tracker.vcpuPages();
        if (now.length == 0) {
            now = new long[plan.guest().vcpus().count()];
            Arrays.fill(now, periodHarvestedPages / now.length);
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
        periodHarvestedPages = 0;
        periodVcpuPages = tracker.vcpuPages();
    }

    /** Pages that have become dirty so far without having been so. */
    private long newPages() {
        long pages = newPagesOfGoneBlocks;
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
                dirtyLimit);
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
