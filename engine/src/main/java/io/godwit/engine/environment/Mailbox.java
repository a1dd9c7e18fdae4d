// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.environment;

import java.util.ArrayDeque;
import java.util.Queue;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;

/**
 * Requests of any thread for one that waits for them, in the order in which they came.
 *
 * @param <T> the kind of request
 */
public final class Mailbox<T> {
    private final Lock lock;
    private final Condition arrived;
    private final Queue<T> requests = new ArrayDeque<>();

    /** An empty one. */
    public Mailbox(Environment environment) {
        lock = environment.newLock();
        arrived = lock.newCondition();
    }

    /** Leaves a request; returns at once. */
    public void add(T request) {
        lock.lock();
        try {
            requests.add(request);
            arrived.signal();
        } finally {
            lock.unlock();
        }
    }

    /** Waits for the next request and takes it. */
    public T take() throws InterruptedException {
        lock.lock();
        try {
            while (requests.isEmpty()) {
                arrived.await();
            }
            return requests.remove();
        } finally {
            lock.unlock();
        }
    }
}
