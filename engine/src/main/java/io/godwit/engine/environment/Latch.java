// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.environment;

import java.time.Duration;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;

/**
 * Something that happens once, and that others wait for.
 *
 * <p>Threads: any.
 */
public final class Latch {
    private final Lock lock;
    private final Condition opened;
    private volatile boolean open;

    /** A latch that is closed. */
    public Latch(Environment environment) {
        lock = environment.newLock();
        opened = lock.newCondition();
    }

    /** It has happened. */
    public void open() {
        lock.lock();
        try {
            open = true;
            opened.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /** Whether it has happened. */
    public boolean isOpen() {
        return open;
    }

    /** Waits for it. */
    public void await() throws InterruptedException {
        lock.lock();
        try {
            while (!open) {
                opened.await();
            }
        } finally {
            lock.unlock();
        }
    }

    /** The same for at most so long; whether it has happened. */
    public boolean await(Duration timeout) throws InterruptedException {
        long left = timeout.toNanos();
        lock.lock();
        try {
            while (!open && left > 0) {
                left = opened.awaitNanos(left);
            }
            return open;
        } finally {
            lock.unlock();
        }
    }
}
