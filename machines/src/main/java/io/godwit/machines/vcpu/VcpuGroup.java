// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.vcpu;

import io.godwit.engine.guest.VcpuStuckException;
import io.godwit.engine.guest.VcpuWaits;
import io.godwit.engine.guest.Vcpus;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/** All vCPU threads of a guest. Any thread may call any method; one at a time does. */
public final class VcpuGroup implements Vcpus {
    private static final Duration END_DEADLINE = Duration.ofSeconds(5);

    private final List<? extends VcpuThread> threads;
    private final ThrottleNudge nudge;

    /** Starts the threads, paused. */
    public VcpuGroup(List<? extends VcpuThread> threads) {
        this.threads = List.copyOf(threads);
        this.nudge = new ThrottleNudge(this.threads);
        this.threads.forEach(VcpuThread::start);
    }

    @Override
    public int count() {
        return threads.size();
    }

    @Override
    public int[] threadIds() {
        return threads.stream().mapToInt(VcpuThread::threadId).toArray();
    }

    @Override
    public synchronized void pause(Duration deadline) {
        long end = System.nanoTime() + deadline.toNanos();
        // All are asked first, so that they stop at about the same time.
        threads.forEach(VcpuThread::requestPause);
        for (VcpuThread thread : threads) {
            if (!thread.awaitPaused(end)) {
                threads.forEach(VcpuThread::resume);
                throw new VcpuStuckException(thread.index(), deadline);
            }
        }
    }

    /**
     * {@inheritDoc}
     *
     * @throws IllegalStateException if a vCPU has crashed
     */
    @Override
    public synchronized void resume() {
        failure().ifPresent(failure -> {
            throw new IllegalStateException("the guest cannot run: " + failure.getMessage(), failure);
        });
        threads.forEach(VcpuThread::resume);
    }

    @Override
    public void throttle(int vcpu, int percent) {
        threads.get(vcpu).throttle(percent);
        if (percent > 0) {
            nudge.begin();
        }
    }

    @Override
    public long[] throttledNanos() {
        return threads.stream().mapToLong(VcpuThread::throttledNanos).toArray();
    }

    @Override
    public void watchWaits(Optional<VcpuWaits> waits) {
        threads.forEach(thread -> thread.watchWaits(waits));
    }

    @Override
    public Optional<Throwable> failure() {
        return threads.stream().flatMap(thread -> thread.failure().stream()).findFirst();
    }

    /**
     * Ends all threads.
     *
     * @return false if one did not end; then nothing that it uses may be freed
     */
    public synchronized boolean end() {
        nudge.end();
        threads.forEach(VcpuThread::requestPause);
        boolean ended = true;
        for (VcpuThread thread : threads) {
            ended &= thread.end(END_DEADLINE);
        }
        return ended;
    }
}
