// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.vcpu;

import io.godwit.linux.process.ThreadEnd;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;

/**
 * The thread {@code vcpu-throttle}, there as long as a vCPU is throttled: a throttled vCPU pays when it comes out of
 * the guest, and one that never does by itself is got out.
 */
final class ThrottleNudge {
    private static final long LONGEST_RUN_NANOS = 2_000_000;

    private final List<? extends VcpuThread> threads;

    // Guarded by this.
    private boolean ended;
    private Optional<Thread> nudger = Optional.empty();

    ThrottleNudge(List<? extends VcpuThread> threads) {
        this.threads = threads;
    }

    /** A vCPU is throttled now. Any thread. */
    synchronized void begin() {
        if (nudger.isEmpty() && !ended) {
            nudger = Optional.of(
                    Thread.ofPlatform().name("vcpu-throttle").daemon(true).start(this::run));
        }
    }

    /** The vCPUs end: when this returns nobody nudges them any more. */
    void end() {
        Optional<Thread> last;
        synchronized (this) {
            ended = true;
            last = nudger;
        }
        last.ifPresent(thread -> {
            LockSupport.unpark(thread);
            ThreadEnd.await(thread);
        });
    }

    private void run() {
        while (isWanted()) {
            long now = System.nanoTime();
            threads.forEach(thread -> thread.nudge(LONGEST_RUN_NANOS, now));
            LockSupport.parkNanos(this, LONGEST_RUN_NANOS);
        }
    }

    private synchronized boolean isWanted() {
        boolean wanted = !ended && threads.stream().anyMatch(thread -> thread.throttlePercent() > 0);
        if (!wanted) {
            nudger = Optional.empty();
        }
        return wanted;
    }
}
