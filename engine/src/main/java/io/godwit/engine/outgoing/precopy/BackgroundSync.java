// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing.precopy;

import io.godwit.engine.environment.Environment;
import io.godwit.engine.environment.MonotonicClock;
import io.godwit.engine.environment.ThreadRole;
import io.godwit.engine.environment.Worker;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;

/**
 * The thread {@code mig-watch}: sees that a pass has run longer than {@code background-sync-interval}, and synchronises
 * the dirty bitmap within it, so that throttling reacts during the pass and not after it. Never in the first pass,
 * which sends everything anyway. It ends when nothing more can be taken from the guest, or with the passes.
 *
 * <p>The interval is the parameter's, less or more where {@link SyncInterval} says so.
 */
final class BackgroundSync implements AutoCloseable {
    /** How soon a changed interval is seen. */
    private static final long LOOK_UP_NANOS = 100_000_000;

    private final DirtySync sync;
    private final MonotonicClock clock;
    private final Worker thread;

    private final Lock lock;
    private final Condition changed;

    // Guarded by lock.
    private boolean ended;
    private int pass;
    private long sinceNanos;

    /** Begins to watch; the first pass has begun. */
    BackgroundSync(DirtySync sync, Environment environment) {
        this.sync = sync;
        this.clock = environment.clock();
        this.lock = environment.newLock();
        this.changed = lock.newCondition();
        WatchEvents.prepare();
        this.thread = environment.start(ThreadRole.WATCH, this::watch);
    }

    /** A pass begins: its harvest was a sync. Called by {@code mig-outgoing}. */
    void passStarted(int number) {
        lock.lock();
        try {
            pass = number;
            sinceNanos = clock.nanoTime();
        } finally {
            lock.unlock();
        }
    }

    private void watch() {
        WatchEvents.started(sync.intervalNanos());
        String reason = "the passes have ended";
        long syncs = 0;
        try {
            for (long waited = awaitDue(); waited > 0; waited = awaitDue()) {
                long took = sync.syncInBackground();
                syncs++;
                WatchEvents.synced(synced(), took, waited);
                if (sync.isThrottleAtMost()) {
                    reason = "nothing more can be taken from the guest";
                    break;
                }
            }
        } catch (RuntimeException | Error e) {
            // mig-outgoing meets the same at its next sync, and fails the migration for it.
            reason = "a sync failed: " + e.getMessage();
        }
        WatchEvents.ended(reason, syncs);
    }

    /** Returns the pass. */
    private int synced() {
        lock.lock();
        try {
            sinceNanos = clock.nanoTime();
            return pass;
        } finally {
            lock.unlock();
        }
    }

    /**
     * Waits until a sync is due; returns the interval after which it is, in nanoseconds, 0 if the passes have ended.
     */
    private long awaitDue() {
        lock.lock();
        try {
            while (!ended) {
                long interval = sync.intervalNanos();
                long left = interval - (clock.nanoTime() - sinceNanos);
                boolean counts = interval > 0 && pass > 1;
                if (counts && left <= 0) {
                    return interval;
                }
                long _ = changed.awaitNanos(counts ? Math.min(left, LOOK_UP_NANOS) : LOOK_UP_NANOS);
            }
        } catch (InterruptedException _) {
            // Nobody interrupts this thread but a JVM that ends.
        } finally {
            lock.unlock();
        }
        return 0;
    }

    /** The passes have ended; when this returns, nobody synchronises any more. */
    @Override
    public void close() {
        lock.lock();
        try {
            ended = true;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
        thread.awaitEnd();
    }
}
