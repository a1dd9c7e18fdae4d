// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing.precopy;

import io.godwit.engine.guest.DirtyTracker;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.outgoing.plan.OutgoingPlan;
import io.godwit.engine.outgoing.wire.WireMeter;
import io.godwit.engine.policy.AutoConverge;
import io.godwit.engine.policy.DirtyLimit;
import io.godwit.engine.policy.ThrottlePolicy;
import io.godwit.engine.report.DirtyLimitRound;
import io.godwit.engine.settings.Capability;
import io.godwit.engine.settings.MigrationParameter;
import java.util.Arrays;
import java.util.Optional;
import java.util.Set;

/**
 * Judges the time between syncs by the migration's {@link ThrottlePolicy}, if it has one, and takes from the guest what
 * that says. Used with {@link DirtySync}'s lock held, but where another thread is named.
 */
final class ThrottleJudge {
    /** QEMU judges no shorter period; here a shorter interval is judged too. */
    private static final long SHORTEST_PERIOD_NANOS = 1_000_000_000;

    private final OutgoingPlan plan;
    private final DirtyTracker tracker;
    private final WireMeter meter;
    private final MigrationThrottle throttle;
    private final Optional<ThrottlePolicy> policy;
    private final boolean isDirtyLimit;

    private long sinceNanos;
    private long sentBytesBefore;
    private long newPagesBefore;
    private long harvestedPages;
    private long[] vcpuPagesBefore = new long[0];
    private Optional<DirtyLimitRound> dirtyLimit = Optional.empty();

    ThrottleJudge(OutgoingPlan plan, WireMeter meter, MigrationThrottle throttle) {
        this.plan = plan;
        this.tracker = plan.guest().dirtyTracker();
        this.meter = meter;
        this.throttle = throttle;
        this.policy = policy(plan.capabilities());
        this.isDirtyLimit = plan.capabilities().contains(Capability.DIRTY_LIMIT);
    }

    private static Optional<ThrottlePolicy> policy(Set<Capability> on) {
        if (on.contains(Capability.DIRTY_LIMIT)) {
            return Optional.of(new DirtyLimit());
        }
        return on.contains(Capability.AUTO_CONVERGE) ? Optional.of(new AutoConverge()) : Optional.empty();
    }

    /** Whether the guest is ever throttled by this. Any thread. */
    boolean isOn() {
        return policy.isPresent();
    }

    /** {@link ThrottlePolicy#isAtMost}. Any thread. */
    boolean isAtMost() {
        return policy.isPresent()
                && policy.get().isAtMost(throttle.percent(), plan.parameters().get());
    }

    /** {@link ThrottlePolicy#isInHurry}. */
    boolean isInHurry() {
        return policy.isPresent() && policy.get().isInHurry();
    }

    /** {@link ThrottlePolicy#interval}. Any thread. */
    MigrationParameter interval() {
        return policy.map(ThrottlePolicy::interval).orElse(MigrationParameter.BACKGROUND_SYNC_INTERVAL);
    }

    /** A period begins. */
    void begin(long nowNanos, long newPages) {
        sinceNanos = nowNanos;
        sentBytesBefore = meter.bytes();
        newPagesBefore = newPages;
        harvestedPages = 0;
        vcpuPagesBefore = tracker.vcpuPages();
    }

    /** A sync found so many pages, whether they were dirty or not. */
    void harvested(long pages) {
        harvestedPages += pages;
    }

    /**
     * Ends the period and judges it, if it was long enough to say anything.
     *
     * @param newPages that have had to be sent again so far, because the guest wrote them
     * @param intervalNanos how soon the next background sync is wanted; 0 = never
     */
    void judge(long nowNanos, long newPages, long intervalNanos, boolean endsPass) {
        if (nowNanos - sinceNanos < shortestPeriodNanos(intervalNanos)) {
            return;
        }
        policy.ifPresent(one -> judge(
                one,
                new ThrottlePolicy.Period(
                        nowNanos - sinceNanos,
                        (newPages - newPagesBefore) * RamBlock.PAGE_BYTES,
                        meter.bytes() - sentBytesBefore,
                        endsPass)));
        begin(nowNanos, newPages);
    }

    private static long shortestPeriodNanos(long intervalNanos) {
        return intervalNanos == 0 ? SHORTEST_PERIOD_NANOS : Math.min(intervalNanos, SHORTEST_PERIOD_NANOS) * 9 / 10;
    }

    private void judge(ThrottlePolicy by, ThrottlePolicy.Period period) {
        long[] pages = vcpuPages();
        int[] before = throttle.percents();
        throttle.set(by.judge(period, pages, before, plan.parameters().get()));
        if (isDirtyLimit && throttle.highestPercent() > 0) {
            dirtyLimit = Optional.of(DirtyLimitRound.of(period.nanos(), pages, before, throttle.percents()));
        }
    }

    /** What each vCPU wrote in this period, or each the same if the tracker does not know. */
    private long[] vcpuPages() {
        long[] now = tracker.vcpuPages();
        if (now.length == 0) {
            now = new long[plan.guest().vcpus().count()];
            Arrays.fill(now, harvestedPages / now.length);
            return now;
        }
        for (int vcpu = 0; vcpu < now.length; vcpu++) {
            now[vcpu] -= vcpu < vcpuPagesBefore.length ? vcpuPagesBefore[vcpu] : 0;
        }
        return now;
    }

    /** What {@code dirty-limit} does, once it has begun. */
    Optional<DirtyLimitRound> dirtyLimit() {
        return dirtyLimit;
    }
}
