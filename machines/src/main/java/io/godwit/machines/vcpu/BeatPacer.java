// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.vcpu;

import io.godwit.engine.guest.VcpuWaits;
import io.godwit.machines.programs.BeatPort;
import io.godwit.machines.programs.BootLayout;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/**
 * The heartbeat device of one vCPU: records beats, paces the program, and takes time away from a vCPU that is
 * throttled.
 */
final class BeatPacer implements BeatPort {
    // LIMIT: 10 ms of work, so that no long burst follows a pause.
    static final int MAX_TICKS = 100;

    // Short slices keep the gaps of a throttled guest short: at 99 % it stands for 99 ms at a time.
    private static final long THROTTLE_SLICE_NANOS = 1_000_000;

    /** The vCPU whose beats are paced. */
    interface Vcpu {
        /** {@link BeatPort#beginStandstill}. */
        void beginStandstill();

        /** {@link BeatPort#endStandstill}. */
        boolean endStandstill();

        /** Whether the vCPU shall come out of the guest. */
        boolean isPauseWanted();

        /** Percent of its time that are to be taken from it. */
        int throttlePercent();

        /** {@link BeatPort#isWatched}. */
        boolean isWatched();

        /** It has waited. */
        void waited(VcpuWaits.Cause cause, long nanos);
    }

    private final Heartbeat heartbeat;
    private final Vcpu vcpu;
    // LIMIT: a vCPU that was away for longer, as its thread had no processor, does not pay for all of that.
    private static final long LONGEST_RUN_NANOS = 10_000_000;

    private long tickBase;
    private long owedNanos;
    private volatile long sliceStart;
    private final AtomicLong throttledNanos = new AtomicLong();
    /** Since when it is kept from running; 0 = it is not. */
    private volatile long keptSince;

    BeatPacer(Heartbeat heartbeat, Vcpu vcpu) {
        this.heartbeat = heartbeat;
        this.vcpu = vcpu;
    }

    /** The guest starts or goes on: time that passed outside it does not count. */
    void restart() {
        tickBase = System.nanoTime();
        sliceStart = tickBase;
    }

    @Override
    public int awaitTick(BooleanSupplier early) {
        long now = System.nanoTime();
        heartbeat.beat(now);
        now = throttle(now);
        long next = tickBase + BootLayout.TICK_NANOS;
        while (now - next < 0 && !isPauseWanted() && !early.getAsBoolean()) {
            LockSupport.parkNanos(this, next - now);
            now = System.nanoTime();
        }
        long ticks = Math.max(0, (now - tickBase) / BootLayout.TICK_NANOS);
        tickBase += ticks * BootLayout.TICK_NANOS;
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
        vcpu.beginStandstill();
    }

    @Override
    public boolean endStandstill() {
        return vcpu.endStandstill();
    }

    @Override
    public boolean isPauseWanted() {
        return vcpu.isPauseWanted();
    }

    /**
     * Takes from the vCPU what its throttle owes for the time that it ran.
     *
     * @param now the time
     * @return the time when it goes on
     */
    long throttle(long now) {
        int percent = vcpu.throttlePercent();
        if (percent == 0) {
            sliceStart = now;
            owedNanos = 0;
            return now;
        }
        long ran = now - sliceStart;
        if (ran < THROTTLE_SLICE_NANOS) {
            return now;
        }
        owedNanos += Math.min(ran, LONGEST_RUN_NANOS) * percent / (100 - percent);
        long end = now + owedNanos;
        long woken = now;
        keptSince = now;
        while (woken - end < 0 && !isPauseWanted()) {
            LockSupport.parkNanos(this, end - woken);
            woken = System.nanoTime();
        }
        // Who slept too long owes less the next time: on average it is what was asked for.
        owedNanos = Math.max(-LONGEST_RUN_NANOS, end - woken);
        // ORDERING: in this order, so that who reads in between counts the time once or not yet, never twice.
        keptSince = 0;
        long _ = throttledNanos.addAndGet(woken - now);
        // The guest's time stands still meanwhile, as for a program that needs the processor.
        tickBase += woken - now;
        sliceStart = woken;
        return woken;
    }

    @Override
    public boolean isWatched() {
        return vcpu.isWatched();
    }

    @Override
    public void wrote(long nanos) {
        vcpu.waited(VcpuWaits.Cause.TRACKED_WRITE, nanos);
    }

    /** For how long {@link #throttle} has kept the vCPU so far, this moment included. Any vcpu. */
    long throttledNanos() {
        long before = throttledNanos.get();
        long since = keptSince;
        return before + (since == 0 ? 0 : Math.max(0, System.nanoTime() - since));
    }

    /** Since when the vCPU has run without coming by here. Any vcpu. */
    long runsSince() {
        return sliceStart;
    }
}
