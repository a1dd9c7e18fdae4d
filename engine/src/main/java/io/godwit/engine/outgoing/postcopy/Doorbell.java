// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing.postcopy;

import java.util.concurrent.locks.LockSupport;

/**
 * Wakes one thread that waits for work. Who brings work makes it visible with a volatile write and then rings; the
 * waiting thread says that it will wait, looks for work once more, and sleeps if there is none, so that no ring is
 * lost. Rings cost a volatile read while nobody waits.
 */
final class Doorbell {
    private final Thread listener;
    private volatile boolean waiting;

    /** The bell of the calling thread. */
    Doorbell() {
        this.listener = Thread.currentThread();
    }

    /** Wakes the thread if it waits. */
    void ring() {
        if (waiting) {
            LockSupport.unpark(listener);
        }
    }

    /** From here on {@link #ring} is heard. */
    void prepare() {
        waiting = true;
    }

    /** Sleeps until the bell rings, or rang since {@link #prepare}; at most {@code nanos}. */
    void sleep(long nanos) {
        LockSupport.parkNanos(this, nanos);
    }

    /** Rings are not wanted any more. */
    void done() {
        waiting = false;
    }
}
