// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.checkpoint;

import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.memory.RamBlocks;
import io.godwit.linux.memory.NativeMemory;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.LongFunction;

/**
 * Pages side by side in the order in which they came, each once: a page that comes again takes the place of its former
 * content. The memory is kept for the next ones. One thread; several may {@link #copy} at a time, each its own slots.
 */
final class StagedPages {
    private static final int CHUNK_SHIFT = 13;
    private static final int CHUNK_PAGES = 1 << CHUNK_SHIFT;
    private static final long CHUNK_BYTES = (long) CHUNK_PAGES << RamBlock.PAGE_SHIFT;

    /** Pages whose slots are in one array, which is made when one of them comes. */
    private static final int SEGMENT_SHIFT = 15;

    /** A page as one number: zero or not, block, page. */
    private static final long ZERO = Long.MIN_VALUE;

    private static final int BLOCK_SHIFT = 44;

    private final List<RamBlock> blocks;
    private final LongFunction<NativeMemory> allocator;
    private final List<NativeMemory> chunks = new ArrayList<>();
    /** Slot + 1 of each page by block and segment; 0: not here. */
    private final int[][][] slots;

    private long[] pages = new long[1024];
    private int count;

    /** For pages of these blocks; {@code allocator} makes memory of so many bytes. */
    StagedPages(RamBlocks.Snapshot ram, LongFunction<NativeMemory> allocator) {
        this.blocks = ram.blocks();
        this.allocator = allocator;
        this.slots = new int[blocks.size()][][];
        for (int i = 0; i < slots.length; i++) {
            slots[i] = new int[(int) ((blocks.get(i).pageCount() >>> SEGMENT_SHIFT) + 1)][0];
        }
    }

    /** How many pages are here. */
    int count() {
        return count;
    }

    /** How much memory is taken for pages. */
    long heldBytes() {
        return chunks.size() * CHUNK_BYTES;
    }

    /** A page with its content. */
    void put(int block, long page, NativeMemory content, long position) {
        int slot = slot(block, page);
        pages[slot] &= ~ZERO;
        while (slot >>> CHUNK_SHIFT >= chunks.size()) {
            chunks.add(allocator.apply(CHUNK_BYTES));
        }
        NativeMemory.copy(content, position, chunk(slot), offset(slot), RamBlock.PAGE_BYTES);
    }

    /** A page that is zero. */
    void putZero(int block, long page) {
        int slot = slot(block, page);
        pages[slot] |= ZERO;
    }

    private int slot(int block, long page) {
        int segment = segment(page);
        if (slots[block][segment].length == 0) {
            slots[block][segment] = new int[1 << SEGMENT_SHIFT];
        }
        int[] here = slots[block][segment];
        int at = place(page);
        if (here[at] == 0) {
            if (count == pages.length) {
                pages = Arrays.copyOf(pages, 2 * count);
            }
            pages[count] = (long) block << BLOCK_SHIFT | page;
            here[at] = ++count;
        }
        return here[at] - 1;
    }

    private static int segment(long page) {
        return (int) (page >>> SEGMENT_SHIFT);
    }

    /** Within its segment. */
    private static int place(long page) {
        return (int) page & ((1 << SEGMENT_SHIFT) - 1);
    }

    private int block(int slot) {
        return (int) ((pages[slot] & ~ZERO) >>> BLOCK_SHIFT);
    }

    private long page(int slot) {
        return pages[slot] & ((1L << BLOCK_SHIFT) - 1);
    }

    private NativeMemory chunk(int slot) {
        return chunks.get(slot >>> CHUNK_SHIFT);
    }

    private static long offset(int slot) {
        return (long) (slot & (CHUNK_PAGES - 1)) << RamBlock.PAGE_SHIFT;
    }

    /** Copies the pages of some slots to where they belong, neighbours that came in a row as one. */
    void copy(int first, int behind, FlushHand hand) {
        int runs = 0;
        for (int slot = first; slot < behind; runs++) {
            int end = slot + 1;
            while (end < behind && pages[end] == pages[end - 1] + 1 && (end & (CHUNK_PAGES - 1)) != 0) {
                end++;
            }
            copyRun(slot, end - slot);
            slot = end;
        }
        hand.add(behind - first, runs);
    }

    private void copyRun(int slot, int length) {
        NativeMemory memory = blocks.get(block(slot)).memory();
        long to = page(slot) << RamBlock.PAGE_SHIFT;
        long bytes = (long) length << RamBlock.PAGE_SHIFT;
        if (pages[slot] >= 0) {
            NativeMemory.copyByDowncall(chunk(slot), offset(slot), memory, to, bytes);
        } else {
            fillZero(memory, to, bytes);
        }
    }

    /** What is zero already is not touched: it may be a page that is not there. */
    private static void fillZero(NativeMemory memory, long from, long bytes) {
        for (long at = from; at < from + bytes; at += RamBlock.PAGE_BYTES) {
            if (!memory.isZero(at, RamBlock.PAGE_BYTES)) {
                memory.fill(at, RamBlock.PAGE_BYTES, (byte) 0);
            }
        }
    }

    /** Drops all pages. A chunk that was of no use this time is given back: memory follows the need slowly. */
    void clear() {
        for (int i = 0; i < count; i++) {
            slots[block(i)][segment(page(i))][place(page(i))] = 0;
        }
        if (chunks.size() > 1 && (chunks.size() - 1L) << CHUNK_SHIFT >= count) {
            chunks.removeLast().close();
        }
        count = 0;
    }

    /** Frees all of it. */
    void free() {
        count = 0;
        chunks.forEach(NativeMemory::close);
        chunks.clear();
    }
}
