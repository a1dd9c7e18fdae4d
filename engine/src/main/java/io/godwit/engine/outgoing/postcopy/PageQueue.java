// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing.postcopy;

import io.godwit.engine.memory.PageBitmap;
import java.util.ArrayList;
import java.util.List;

/**
 * Host pages that were asked for and wait to be sent on the main channel. A page waits once, however often it is asked
 * for, and a queue that is full forgets: the push brings the page later. So a destination that asks without end costs
 * the reading of its requests.
 *
 * <p>Threads: one puts, one takes.
 */
final class PageQueue {
    /** LIMIT: a guest waits for as many pages as it has vCPUs and devices. */
    static final int CAPACITY = 1 << 12;

    private static final int PAGE_BITS = 44;
    private static final long PAGE_MASK = (1L << PAGE_BITS) - 1;

    private final OwedPages pages;
    private final List<PageBitmap> asked = new ArrayList<>();
    private final long[] places = new long[CAPACITY];
    private final long[] nanos = new long[CAPACITY];
    private volatile int put;
    private volatile int taken;

    PageQueue(OwedPages pages) {
        this.pages = pages;
        for (int i = 0; i < pages.blockCount(); i++) {
            asked.add(new PageBitmap(pages.block(i).pageCount()));
        }
    }

    /**
     * Notes that a host page was asked for at {@code readNanos}; false if there is nothing to do for it, or no room.
     */
    boolean put(int blockIndex, long firstPage, long readNanos) {
        PageBitmap bits = asked.get(blockIndex);
        int at = put;
        if (bits.isSet(firstPage) || !pages.isOwed(blockIndex, firstPage) || at - taken == CAPACITY) {
            return false;
        }
        bits.set(firstPage);
        int slot = at & (CAPACITY - 1);
        places[slot] = (long) blockIndex << PAGE_BITS | firstPage;
        nanos[slot] = readNanos;
        // ORDERING: publishes the slot to the taker.
        put = at + 1;
        return true;
    }

    /** Whether none waits. */
    boolean isEmpty() {
        return taken == put;
    }

    /** The block of the page that waits longest. */
    int block() {
        return (int) (places[taken & (CAPACITY - 1)] >>> PAGE_BITS);
    }

    /** The first target page of the host page that waits longest. */
    long page() {
        return places[taken & (CAPACITY - 1)] & PAGE_MASK;
    }

    /** When it was asked for. */
    long readNanos() {
        return nanos[taken & (CAPACITY - 1)];
    }

    /** Takes the page that waits longest off the queue. */
    void drop() {
        int at = taken;
        taken = at + 1;
    }
}
