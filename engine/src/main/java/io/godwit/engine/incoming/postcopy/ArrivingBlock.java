// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.incoming.postcopy;

import io.godwit.engine.memory.PageBitmap;
import io.godwit.engine.memory.RamBlock;
import java.lang.invoke.VarHandle;

/**
 * A RAM block of a guest that arrives by postcopy: which of its pages are there, and which were asked for. Memory
 * appears in host pages (4096 bytes, or huge ones); the wire counts target pages of 4096 bytes.
 *
 * <p>Threads: any; the order of {@link #markReceived} and {@link #markRequested} is such that of two threads that do
 * both for the same page at least one sees what the other has done.
 */
public final class ArrivingBlock {
    private final int index;
    private final RamBlock block;
    private final long start;
    private final int hostPageShift;
    private final PageBitmap received;
    /** One bit for each host page that somebody waits for, or waited for. */
    private final PageBitmap requested;
    /** One bit for each host page that is there, perhaps in part: precopy brings target pages one by one. */
    private final PageBitmap populated;

    private boolean takesZeroPages;

    /** A block of which nothing is there. */
    ArrivingBlock(int index, RamBlock block) {
        this.index = index;
        this.block = block;
        this.start = block.memory().address();
        this.hostPageShift = Integer.numberOfTrailingZeros(block.pageBytes());
        this.received = new PageBitmap(block.pageCount());
        long hostPages = block.usedLength() >>> hostPageShift;
        this.requested = new PageBitmap(hostPages);
        this.populated = isHuge() ? new PageBitmap(hostPages) : received;
    }

    private ArrivingBlock(int index, ArrivingBlock same) {
        this.index = index;
        this.block = same.block;
        this.start = same.start;
        this.hostPageShift = same.hostPageShift;
        this.received = same.received;
        this.requested = same.requested;
        this.populated = same.populated;
        this.takesZeroPages = same.takesZeroPages;
    }

    /** The same block, with all that has come, at another place in the list. */
    ArrivingBlock at(int otherIndex) {
        return new ArrivingBlock(otherIndex, this);
    }

    /** It is watched from now on. */
    void watched(boolean kernelPlacesZeroPages) {
        takesZeroPages = kernelPlacesZeroPages;
    }

    /** Whether the kernel can place a zero page in it without a page of zeros to copy. */
    boolean takesZeroPages() {
        return takesZeroPages;
    }

    /** Its place in the stream's list of blocks. */
    int index() {
        return index;
    }

    public RamBlock block() {
        return block;
    }

    public PageBitmap received() {
        return received;
    }

    /** Where it begins in this process. */
    long start() {
        return start;
    }

    /** One past its last byte in this process. */
    long end() {
        return start + block.usedLength();
    }

    int hostPageBytes() {
        return 1 << hostPageShift;
    }

    /** Target pages in one host page. */
    int pagesInHostPage() {
        return 1 << (hostPageShift - RamBlock.PAGE_SHIFT);
    }

    boolean isHuge() {
        return hostPageShift != RamBlock.PAGE_SHIFT;
    }

    /** The host page that holds the byte at {@code offset}. */
    long hostPageAt(long offset) {
        return offset >>> hostPageShift;
    }

    long hostPageCount() {
        return block.usedLength() >>> hostPageShift;
    }

    /** Where a host page begins in this process; names the page among all blocks. */
    long hostPageAddress(long hostPage) {
        return start + (hostPage << hostPageShift);
    }

    /** Whether a host page has arrived wholly; outside precopy a host page arrives in one step. */
    boolean isReceived(long hostPage) {
        return received.isSet(hostPage << (hostPageShift - RamBlock.PAGE_SHIFT));
    }

    /** Whether there is memory in place of a host page, perhaps in part still zero. */
    boolean isPopulated(long hostPage) {
        return populated.isSet(hostPage);
    }

    /** Notes that memory has appeared in place of a host page. */
    void markPopulated(long hostPage) {
        boolean _ = populated.testAndSet(hostPage);
    }

    /** Notes that a whole host page is in place. */
    void markReceived(long hostPage) {
        if (isHuge()) {
            received.setRange(hostPage * pagesInHostPage(), pagesInHostPage());
            markPopulated(hostPage);
        } else {
            boolean _ = received.testAndSet(hostPage);
        }
        // ORDERING: pairs with the fence in markRequested.
        VarHandle.fullFence();
    }

    /** Notes that a host page is asked for; whether it is the first time. For the fault thread only. */
    boolean markRequested(long hostPage) {
        boolean first = !requested.isSet(hostPage);
        if (first) {
            requested.set(hostPage);
        }
        // ORDERING: pairs with the fence in markReceived.
        VarHandle.fullFence();
        return first;
    }

    boolean isRequested(long hostPage) {
        return requested.isSet(hostPage);
    }

    /** Whether a page was asked for and has not come. */
    boolean isAwaited(long hostPage) {
        return isRequested(hostPage) && !isReceived(hostPage);
    }

    /** Forgets whole host pages; nothing may run and nobody may wait for them. */
    void discard(long firstHostPage, long hostPages) {
        received.clearRange(firstHostPage * pagesInHostPage(), hostPages * pagesInHostPage());
        if (isHuge()) {
            populated.clearRange(firstHostPage, hostPages);
        }
    }

    /** Target pages that have not come. */
    long missingPages() {
        return received.pageCount() - received.count();
    }
}
