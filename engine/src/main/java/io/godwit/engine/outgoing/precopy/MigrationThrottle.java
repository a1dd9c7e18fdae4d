// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing.precopy;

import io.godwit.engine.environment.MonotonicClock;
import io.godwit.engine.guest.VcpuTime;
import java.util.Arrays;
import java.util.stream.IntStream;

/**
 * What a migration takes from the guest's vCPUs, of which {@link VcpuTime} sees to it that it is never more than is
 * allowed.
 *
 * <p>Threads: any.
 */
final class MigrationThrottle {
    private final VcpuTime.Taker vcpus;
    private final MonotonicClock clock;
    private final long[] throttledBefore;
    private long takenBefore;
    private int highest;
    private boolean throttling;
    private long sinceNanos;
    private long lastedNanos;

    /** Over vCPUs that nobody throttles. */
    MigrationThrottle(VcpuTime.Taker vcpus, MonotonicClock clock) {
        this.vcpus = vcpus;
        this.clock = clock;
        this.throttledBefore = vcpus.throttledNanos();
        this.takenBefore = Arrays.stream(throttledBefore).sum();
    }

    /** Takes so much from each vCPU, or as much of it as is allowed. */
    synchronized void set(int[] wanted) {
        for (int vcpu = 0; vcpu < vcpus.count(); vcpu++) {
            set(vcpu, wanted[vcpu]);
        }
    }

    /** Takes so much from every vCPU, or as much of it as is allowed. */
    synchronized void setAll(int wanted) {
        for (int vcpu = 0; vcpu < vcpus.count(); vcpu++) {
            set(vcpu, wanted);
        }
    }

    private void set(int vcpu, int wanted) {
        vcpus.throttle(vcpu, wanted);
        if (throttling != isAnyThrottled()) {
            long now = clock.nanoTime();
            lastedNanos += throttling ? now - sinceNanos : 0;
            sinceNanos = now;
            throttling = !throttling;
        }
    }

    /** What each vCPU loses. */
    synchronized int[] percents() {
        int[] taken = IntStream.range(0, vcpus.count()).map(vcpus::taken).toArray();
        highest = Math.max(highest, Arrays.stream(taken).max().orElse(0));
        return taken;
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
        return Arrays.stream(percents()).anyMatch(one -> one > 0);
    }

    /** The most that was taken at any time when somebody looked. */
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
        return lastedNanos + (throttling ? clock.nanoTime() - sinceNanos : 0);
    }
}
