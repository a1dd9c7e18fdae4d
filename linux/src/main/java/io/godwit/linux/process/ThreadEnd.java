// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.process;

/**
 * The end of a thread. Apart from {@link Threads}, whose first use looks functions up and is no work for somebody who
 * is waited for.
 */
public final class ThreadEnd {
    private ThreadEnd() {}

    /** Waits for a thread's end; who tells it to end has done so. An interrupt is kept for later. */
    public static void await(Thread thread) {
        boolean interrupted = false;
        while (thread.isAlive()) {
            try {
                thread.join();
            } catch (InterruptedException _) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
