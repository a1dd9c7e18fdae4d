// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.memory;

import java.util.concurrent.atomic.AtomicInteger;

/**
 * Who uses a block's memory, and what happens when the last one has let go of a block that was taken away. Nobody
 * waits: taking it away is immediate, and what frees the memory is run by whoever lets go last.
 *
 * <p>Threads: any.
 */
final class MemoryUse {
    private static final int RETIRED = Integer.MIN_VALUE;

    /** The number of users; with {@link #RETIRED} added, nobody becomes one any more. */
    private final AtomicInteger users = new AtomicInteger();

    private volatile Runnable whenUnused = () -> {};

    /** Becomes a user, who must {@link #end} it; false if the memory was taken away. */
    boolean begin() {
        int now = users.get();
        while (now >= 0) {
            int found = users.compareAndExchange(now, now + 1);
            if (found == now) {
                return true;
            }
            now = found;
        }
        return false;
    }

    /** Lets go. */
    void end() {
        if (users.decrementAndGet() == RETIRED) {
            whenUnused.run();
        }
    }

    /** Whether it was taken away. */
    boolean isRetired() {
        return users.get() < 0;
    }

    /**
     * Takes it away.
     *
     * @param free run once, when nobody uses it any more: here and now if nobody does
     * @throws IllegalStateException if that was done before
     */
    void retire(Runnable free) {
        if (isRetired()) {
            throw new IllegalStateException("this memory was taken away before");
        }
        whenUnused = free;
        if (users.getAndAdd(RETIRED) == 0) {
            free.run();
        }
    }
}
