// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing.checkpoint;

import io.godwit.engine.environment.Environment;
import io.godwit.engine.environment.MonotonicClock;
import java.util.Optional;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;
import java.util.function.LongSupplier;

/**
 * Says when the next checkpoint is due: when its time has come, or at once when somebody asks. A wish that comes while
 * a checkpoint is on its way, before the guest's state is taken for it, is a wish for that one.
 *
 * <p>Threads: {@link #ask} and {@link #wake} any; the rest {@code mig-outgoing}.
 */
final class CheckpointTimer {
    private final MonotonicClock clock;
    private final Lock lock;
    private final Condition changed;
    private Optional<String> asked = Optional.empty();
    private long sinceNanos;

    CheckpointTimer(Environment environment) {
        this.clock = environment.clock();
        this.lock = environment.newLock();
        this.changed = lock.newCondition();
        this.sinceNanos = clock.nanoTime();
    }

    /** A checkpoint is wanted at once, for this reason. */
    void ask(String reason) {
        lock.lock();
        try {
            asked = asked.or(() -> Optional.of(reason));
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /** Something else has changed: who waits looks up. */
    void wake() {
        lock.lock();
        try {
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /** The guest stands still and its state is taken: what was asked for so far is this checkpoint. */
    void taken() {
        lock.lock();
        try {
            asked = Optional.empty();
        } finally {
            lock.unlock();
        }
    }

    /** The checkpoint is over: from now on the next one's time runs. */
    void restart() {
        lock.lock();
        try {
            sinceNanos = clock.nanoTime();
        } finally {
            lock.unlock();
        }
    }

    /**
     * Waits until a checkpoint is due.
     *
     * @param intervalNanos how long after the last one; asked again and again
     * @param look done now and then: throws what ends the wait, may {@link #ask}; returns how soon it is to be done
     *     again, in nanoseconds
     * @return why it is due
     */
    String await(LongSupplier intervalNanos, LongSupplier look) {
        while (true) {
            // Without the lock: it may ask.
            long lookNanos = look.getAsLong();
            lock.lock();
            try {
                if (asked.isPresent()) {
                    return asked.get();
                }
                long left = sinceNanos + intervalNanos.getAsLong() - clock.nanoTime();
                if (left <= 0) {
                    return "its time has come";
                }
                long _ = changed.awaitNanos(Math.min(left, lookNanos));
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return "this side is interrupted";
            } finally {
                lock.unlock();
            }
        }
    }
}
