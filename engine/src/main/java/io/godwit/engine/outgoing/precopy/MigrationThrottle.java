// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing.precopy;

import io.godwit.engine.environment.MonotonicClock;
import io.godwit.engine.guest.Vcpus;
import io.godwit.engine.settings.MigrationParameter;
import io.godwit.engine.settings.MigrationParameters;
import java.util.Arrays;
import java.util.function.Supplier;

/**
 * What is taken from the guest's vCPUs: never more than {@code max-guest-slowdown}, and all of it given back at the
 * end.
 *
 * <p>Threads: any.
 */
final class MigrationThrottle {
    private final Vcpus vcpus;
    private final Supplier<MigrationParameters> parameters;
    private final MonotonicClock clock;
    private final int[] percent;
    private final long[] throttledBefore;
    private long takenBefore;
    private int highest;
    private long sinceNanos;
    private long lastedNanos;

    /** Over vCPUs that nobody throttles. */
    MigrationThrottle(Vcpus vcpus, Supplier<MigrationParameters> parameters, MonotonicClock clock) {
        this.vcpus = vcpus;
        this.parameters = parameters;
        this.clock = clock;
        this.percent = new int[vcpus.count()];
        this.throttledBefore = vcpus.throttledNanos();
        this.takenBefore = Arrays.stream(throttledBefore).sum();
    }

    /** Takes so much from each vCPU, or as much of it as is allowed. */
    synchronized void set(int[] wanted) {
        for (int vcpu = 0; vcpu < percent.length; vcpu++) {
            set(vcpu, wanted[vcpu]);
        }
    }

    /** Takes so much from every vCPU, or as much of it as is allowed. */
    synchronized void setAll(int wanted) {
        for (int vcpu = 0; vcpu < percent.length; vcpu++) {
            set(vcpu, wanted);
        }
    }

    private void set(int vcpu, int wanted) {
        int allowed = Math.min(wanted, most());
        boolean before = isAnyThrottled();
        if (percent[vcpu] != allowed) {
            percent[vcpu] = allowed;
            vcpus.throttle(vcpu, allowed);
        }
        highest = Math.max(highest, allowed);
        if (before != isAnyThrottled()) {
            long now = clock.nanoTime();
            lastedNanos += before ? now - sinceNanos : 0;
            sinceNanos = now;
        }
    }

    /** The most that may be taken now. */
    private int most() {
        return (int) parameters.get().get(MigrationParameter.MAX_GUEST_SLOWDOWN);
    }

    /** What each vCPU loses. */
    synchronized int[] percents() {
        int most = most();
        return Arrays.stream(percent).map(one -> Math.min(one, most)).toArray();
    }

    /** What a vCPU loses on average. */
    int averagePercent() {
        return (int) Math.round(Arrays.stream(percents()).average().orElse(0));
    }

    /** What the vCPU loses that loses most. */
    int percent() {
        return Arrays.stream(percents()).max().orElse(0);
    }

    private boolean isAnyThrottled() {
        return Arrays.stream(percent).anyMatch(one -> one > 0);
    }

    /** The most that was ever taken. */
    synchronized int highestPercent() {
        return highest;
    }

    /** For how long the vCPU that lost most was kept from running. */
    long throttledNanos() {
        long[] now = vcpus.throttledNanos();
        long most = 0;
        for (int vcpu = 0; vcpu < now.length; vcpu++) {
            most = Math.max(most, now[vcpu] - throttledBefore[vcpu]);
        }
        return most;
    }

    /**
     * What share of the vCPUs' time was taken since the last time somebody asked, by whomever, from 0 to 1: as
     * measured, or where nobody can measure it as it is wanted now.
     *
     * @param nanos how long ago that was
     */
    double takenShare(long nanos) {
        long[] now = vcpus.throttledNanos();
        if (now.length == 0) {
            return Arrays.stream(percents()).average().orElse(0) / 100;
        }
        long all = Arrays.stream(now).sum();
        long taken = all - takenBefore;
        takenBefore = all;
        return Math.clamp((double) taken / now.length / Math.max(1, nanos), 0.0, 1.0);
    }

    /** How long throttling of any strength has lasted. */
    synchronized long lastedNanos() {
        return lastedNanos + (isAnyThrottled() ? clock.nanoTime() - sinceNanos : 0);
    }
}
