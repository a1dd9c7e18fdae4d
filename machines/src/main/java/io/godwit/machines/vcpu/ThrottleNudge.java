// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.vcpu;

import java.util.List;
import java.util.concurrent.locks.LockSupport;

/**
 * The thread {@code vcpu-throttle}, there as long as a vCPU is throttled: a throttled vCPU pays when it comes out of the guest, and one that never does
 * by itself is got out.
 */
final class ThrottleNudge {
    private static final long LONGEST_RUN_NANOS = 2_000_000;

    private final List<? extends VcpuThread> threads;
    private boolean runs;

    ThrottleNudge(List<? extends VcpuThread> threads) {
        this.threads = threads;
    }

    /** A vCPU is throttled now. Any thread. */
    synchronized void begin() {
        if (!runs) {
            runs = true;
            var _ = Thread.ofPlatform().name("vcpu-throttle").daemon(true).start(this::run);
        }
    }

    private void run() {
        while (isWanted()) {
            long now = System.nanoTime();
            threads.forEach(thread -> thread.nudge(LONGEST_RUN_NANOS, now));
            LockSupport.parkNanos(this, LONGEST_RUN_NANOS);
        }
    }

    private synchronized boolean isWanted() {
        runs = threads.stream().anyMatch(thread -> thread.throttlePercent() > 0);
        return runs;
    }
}
