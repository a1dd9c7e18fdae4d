// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.vcpu;

import io.godwit.machines.programs.BeatPort;
import io.godwit.machines.programs.BootArea;
import java.util.concurrent.locks.LockSupport;

/** The heartbeat device of one vCPU: records beats, paces the program, and takes time away from a vCPU that is throttled. */
final class BeatPacer implements BeatPort {
    // LIMIT: 10 ms of work, so that no long burst follows a pause.
    static final int MAX_TICKS = 100;

    // Short slices keep the gaps of a throttled guest short: at 99 % it stands for 99 ms at a time.
    private static final long THROTTLE_SLICE_NANOS = 1_000_000;

    private final Heartbeat heartbeat;
    private final VcpuThread thread;
    private long tickBase;
    private long sliceStart;

    BeatPacer(Heartbeat heartbeat, VcpuThread thread) {
        this.heartbeat = heartbeat;
        this.thread = thread;
    }

    /** The guest starts or goes on: time that passed outside it does not count. */
    void restart() {
        tickBase = System.nanoTime();
        sliceStart = tickBase;
    }

    @Override
    public int awaitTick() {
        long now = System.nanoTime();
        heartbeat.beat(now);
        now = throttle(now);
        long next = tickBase + BootArea.TICK_NANOS;
        while (now - next < 0 && !isPauseWanted()) {
            LockSupport.parkNanos(this, next - now);
            now = System.nanoTime();
        }
        long ticks = Math.max(0, (now - tickBase) / BootArea.TICK_NANOS);
        tickBase += ticks * BootArea.TICK_NANOS;
        return (int) Math.min(ticks, MAX_TICKS);
    }

    @Override
    public void beat() {
        long now = System.nanoTime();
        heartbeat.beat(now);
        long _ = throttle(now);
    }

    @Override
    public void beginStandstill() {
        thread.beginStandstill();
    }

    @Override
    public boolean endStandstill() {
        return thread.endStandstill();
    }

    @Override
    public boolean isPauseWanted() {
        return thread.isPauseWanted();
    }

    private long throttle(long now) {
        int percent = thread.throttlePercent();
        long ran = now - sliceStart;
        if (percent == 0) {
            sliceStart = now;
            return now;
        }
        if (ran < THROTTLE_SLICE_NANOS) {
            return now;
        }
        long end = now + Math.min(ran, 2 * THROTTLE_SLICE_NANOS) * percent / (100 - percent);
        long woken = now;
        while (woken - end < 0 && !isPauseWanted()) {
            LockSupport.parkNanos(this, end - woken);
            woken = System.nanoTime();
        }
        // The guest's time stands still meanwhile, as for a program that needs the processor.
        tickBase += woken - now;
        sliceStart = woken;
        return woken;
    }
}
