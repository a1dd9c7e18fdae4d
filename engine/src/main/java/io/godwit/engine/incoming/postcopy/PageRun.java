// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.incoming.postcopy;

import io.godwit.engine.memory.RamBlock;
import io.godwit.linux.memory.NativeMemory;

/**
 * Missing pages of ordinary size that lie side by side, collected from the stream and placed by one system call: to
 * place them one by one costs nearly twice as much. Whoever reads a channel flushes before it waits for more bytes, so
 * nobody waits for a page that has come.
 *
 * <p>One thread at a time.
 */
final class PageRun implements AutoCloseable {
    /** LIMIT: as many as the source ever pushes at once; longer runs gain nothing and stay in the cache less. */
    static final int MAX_PAGES = 64;

    /** Hears of each page once it is in place. */
    interface Sink {
        /**
         * A page is in place.
         *
         * @param content holds it at {@code position} during this call; of no meaning if the page is {@code zero}
         */
        void arrived(ArrivingBlock block, long page, boolean zero, NativeMemory content, long position);

        /** All pages of a run are in place and told of. */
        default void runArrived() {}
    }

    private final ArrivingMemory memory;
    private final Sink sink;
    private final NativeMemory content = NativeMemory.allocate(MAX_PAGES * (long) RamBlock.PAGE_BYTES);
    private int blockIndex;
    private long firstPage;
    private int count;
    private boolean zero;

    PageRun(ArrivingMemory memory, Sink sink) {
        this.memory = memory;
        this.sink = sink;
    }

    /** A page with its content, which stands in {@code staging} at {@code position}; it is not there yet. */
    void add(ArrivingBlock block, long page, NativeMemory staging, long position) {
        begin(block, page, false);
        NativeMemory.copy(staging, position, content, count * (long) RamBlock.PAGE_BYTES, RamBlock.PAGE_BYTES);
        count++;
    }

    /** A page of zeros; it is not there yet. */
    void addZero(ArrivingBlock block, long page) {
        begin(block, page, !memory.needsCopyOfZeros(block));
        if (!zero) {
            content.fill(count * (long) RamBlock.PAGE_BYTES, RamBlock.PAGE_BYTES, (byte) 0);
        }
        count++;
    }

    private void begin(ArrivingBlock block, long page, boolean zeroPage) {
        if (block.index() != blockIndex || page != firstPage + count || zeroPage != zero || count == MAX_PAGES) {
            flush();
        }
        if (count == 0) {
            blockIndex = block.index();
            firstPage = page;
            zero = zeroPage;
        }
    }

    /** Whether a page is among those that were collected and are not in place. */
    boolean holds(ArrivingBlock block, long page) {
        return count > 0 && block.index() == blockIndex && page >= firstPage && page < firstPage + count;
    }

    /** Places what was collected. */
    void flush() {
        if (count == 0) {
            return;
        }
        ArrivingBlock block = memory.block(blockIndex);
        int pages = count;
        count = 0;
        if (!memory.fillRun(block, firstPage, pages, content, zero)) {
            // Another channel has brought one of them meanwhile.
            placeOneByOne(block, pages);
        }
        for (int i = 0; i < pages; i++) {
            sink.arrived(block, firstPage + i, zero, content, i * (long) RamBlock.PAGE_BYTES);
        }
        sink.runArrived();
    }

    private void placeOneByOne(ArrivingBlock block, int pages) {
        for (int i = 0; i < pages; i++) {
            boolean _ = zero
                    ? memory.fillZero(block, firstPage + i)
                    : memory.fill(block, firstPage + i, content, i * (long) RamBlock.PAGE_BYTES);
        }
    }

    /** What was collected and not placed is forgotten: an error on the wire came between, and it comes again. */
    @Override
    public void close() {
        count = 0;
        content.close();
    }
}
