// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.vcpu;

import io.godwit.engine.guest.VcpuWaits;
import io.godwit.linux.process.Scheduling;
import io.godwit.linux.process.Threads;
import io.godwit.machines.programs.BeatPort;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The thread of one vCPU. It is paused when it starts; {@link #resume}, {@link #requestPause} and {@link #end} may be
 * called by any thread, at any time, in any order. Nothing waits for a guest for ever: {@link #awaitPaused} has a
 * deadline.
 *
 * <p>A request is never lost: the flag is set first, then {@link #interruptGuest} gets the thread out, and the thread
 * itself reads the flag after {@link #prepareToRun} and before each entry into the guest.
 */
public abstract class VcpuThread implements BeatPacer.Vcpu {
    private static final long KICK_AGAIN_NANOS = 10_000_000;

    private final int index;
    private final Thread thread;
    private volatile int threadId;
    private final BeatPacer pacer;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();

    private volatile boolean pauseWanted = true;
    private volatile boolean endWanted;
    private volatile int throttlePercent;
    private volatile Optional<VcpuWaits> waits = Optional.empty();

    // Guarded by lock.
    private boolean paused = true;
    private boolean ended;
    private Optional<Throwable> failure = Optional.empty();

    /**
     * @param index the vCPU's number
     * @param heartbeat where its beats are recorded
     */
    @SuppressWarnings("this-escape") // the thread starts later, the pacer only keeps it
    protected VcpuThread(int index, Heartbeat heartbeat) {
        this.index = index;
        this.thread = Thread.ofPlatform().name("vcpu-" + index).daemon(true).unstarted(this::live);
        this.pacer = new BeatPacer(heartbeat, this);
    }

    /** The kernel's number of the thread; 0 before it runs. */
    public final int threadId() {
        return threadId;
    }

    /** Called once on the thread before anything else. */
    protected abstract void prepareThread();

    /**
     * Called on the thread before each run: makes the guest enterable again. A pause may have been requested already.
     */
    protected abstract void prepareToRun();

    /** Runs the guest until {@link #isPauseWanted}; then all of its state can be read. Called on the thread. */
    protected abstract void runGuest();

    /**
     * Gets the thread out of the guest. Called by other threads, after the pause was requested; may be called again.
     */
    protected abstract void interruptGuest();

    /** The heartbeat device, for {@link #runGuest}. */
    protected final BeatPort beatPort() {
        return pacer;
    }

    /** The vCPU's number. */
    public final int index() {
        return index;
    }

    /** Starts the thread, paused. */
    public final void start() {
        thread.start();
    }

    /** Whether the thread is wanted outside the guest. */
    @Override
    public final boolean isPauseWanted() {
        return pauseWanted;
    }

    /** Takes away so many percent of the vCPU's time, 0 to 99. */
    public final void throttle(int percent) {
        if (percent < 0 || percent > 99) {
            throw new IllegalArgumentException("a throttle takes 0 to 99 percent of the time, not " + percent);
        }
        throttlePercent = percent;
    }

    @Override
    public final int throttlePercent() {
        return throttlePercent;
    }

    /** For how long {@link #throttle} has kept the vCPU from running so far. */
    final long throttledNanos() {
        return pacer.throttledNanos();
    }

    /**
     * Gets a throttled vCPU out of the guest that has run for so long without coming out, so that its time can be
     * taken.
     */
    final void nudge(long ranNanos, long now) {
        if (throttlePercent > 0 && now - pacer.runsSince() > ranNanos) {
            kick();
        }
    }

    /** Where a vCPU that was got out of the guest pays for its throttle. Called on the thread, outside of the guest. */
    protected final void payThrottle() {
        long out = System.nanoTime();
        long in = pacer.throttle(out);
        if (!pauseWanted) {
            long took = in - out;
            waited(VcpuWaits.Cause.KICK, System.nanoTime() - out - took);
        }
    }

    /** Whoever counts the vCPU's waits hears of one. Called on the thread. */
    @Override
    public final void waited(VcpuWaits.Cause cause, long nanos) {
        Optional<VcpuWaits> now = waits;
        if (now.isPresent()) {
            now.get().waited(index, cause, nanos);
        }
    }

    /** Whether somebody counts the vCPU's waits. */
    @Override
    public final boolean isWatched() {
        return waits.isPresent();
    }

    /** From now on {@code listener} hears of the vCPU's waits, and nobody else does. */
    final void watchWaits(Optional<VcpuWaits> listener) {
        waits = listener;
    }

    /** Lets the guest run. Has no effect on a vCPU that failed or ended. */
    public final void resume() {
        lock.lock();
        try {
            pauseWanted = endWanted;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /** Wants the guest paused; does not wait. */
    public final void requestPause() {
        pauseWanted = true;
        LockSupport.unpark(thread);
        kick();
    }

    /**
     * Waits until the guest stands still, and kicks it again now and then.
     *
     * @param deadlineNanos when to give up, on {@link System#nanoTime}'s clock
     * @return false if it did not come out in time, although it was kicked; it may still run
     */
    public final boolean awaitPaused(long deadlineNanos) {
        while (!awaitChange(Math.min(KICK_AGAIN_NANOS, deadlineNanos - System.nanoTime()), false)) {
            if (System.nanoTime() - deadlineNanos >= 0) {
                return false;
            }
            requestPause();
        }
        return true;
    }

    private boolean awaitChange(long nanos, boolean untilEnd) {
        boolean interrupted = false;
        lock.lock();
        try {
            long end = System.nanoTime() + nanos;
            while (untilEnd ? !ended : !paused) {
                long left = end - System.nanoTime();
                if (left <= 0) {
                    return false;
                }
                try {
                    long _ = changed.awaitNanos(left);
                } catch (InterruptedException _) {
                    interrupted = true;
                }
            }
            return true;
        } finally {
            lock.unlock();
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /** Why the vCPU stopped by itself, if it did. */
    public final Optional<Throwable> failure() {
        lock.lock();
        try {
            return failure;
        } finally {
            lock.unlock();
        }
    }

    /**
     * Ends the thread.
     *
     * @return false if it did not end in time; then what it uses must not be freed
     */
    public final boolean end(Duration timeout) {
        endWanted = true;
        requestPause();
        lock.lock();
        try {
            changed.signalAll();
        } finally {
            lock.unlock();
        }
        long deadline = System.nanoTime() + timeout.toNanos();
        while (thread.getState() != Thread.State.NEW
                && !awaitChange(Math.min(KICK_AGAIN_NANOS, deadline - System.nanoTime()), true)) {
            if (System.nanoTime() - deadline >= 0) {
                return false;
            }
            requestPause();
        }
        return true;
    }

    private void kick() {
        lock.lock();
        try {
            if (!paused && !ended) {
                interruptGuest();
            }
        } finally {
            lock.unlock();
        }
    }

    private void live() {
        try {
            threadId = Threads.currentId();
            boolean _ = Scheduling.answersAtOnce();
            prepareThread();
            while (awaitRun()) {
                prepareToRun();
                pacer.restart();
                runGuest();
                finishRun(Optional.empty());
            }
            finishLife(Optional.empty());
        } catch (RuntimeException | Error thrown) {
            finishLife(Optional.of(thrown));
        }
    }

    /**
     * The guest stands still although its thread is inside {@link #runGuest}: counts as paused from now. Called on the
     * thread.
     */
    @Override
    public final void beginStandstill() {
        lock.lock();
        try {
            paused = true;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /** Goes on, once no pause is wanted; false when the thread is to end. Called on the thread. */
    @Override
    public final boolean endStandstill() {
        boolean pauseGranted = pauseWanted;
        boolean runs = awaitRun();
        if (pauseGranted) {
            pacer.restart();
        }
        return runs;
    }

    /** Waits for {@link #resume}; false when the thread is to end. */
    private boolean awaitRun() {
        lock.lock();
        try {
            while (pauseWanted && !endWanted) {
                changed.awaitUninterruptibly();
            }
            paused = endWanted;
            return !endWanted;
        } finally {
            lock.unlock();
        }
    }

    private void finishRun(Optional<Throwable> why) {
        lock.lock();
        try {
            paused = true;
            failure = failure.or(() -> why);
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    private void finishLife(Optional<Throwable> why) {
        lock.lock();
        try {
            ended = true;
            finishRun(why);
        } finally {
            lock.unlock();
        }
    }
}
