// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.checkpoint;

import io.godwit.engine.guest.DirtyTracker;
import io.godwit.engine.memory.PageBitmap;
import io.godwit.engine.memory.RamBlock;
import io.godwit.linux.memory.NativeMemory;

/**
 * One RAM block and its second copy. Pages of the copy that nobody has written to are not there and are zero.
 *
 * <p>Several threads may {@link #flush} or {@link #fill} at a time, each its own words.
 */
final class CachedBlock {
    private final RamBlock block;
    private final NativeMemory memory;
    private final NativeMemory cache;
    /** Pages in which the guest may differ from the copy. */
    private final PageBitmap bits;
    /** Pages of the copy that have been written to; the others are zero. */
    private final PageBitmap touched;

    private DirtyTracker.Harvest harvest = DirtyTracker.Harvest.TAKEN;

    CachedBlock(RamBlock block, NativeMemory cache) {
        this.block = block;
        this.memory = block.memory();
        this.cache = cache;
        this.bits = new PageBitmap(block.pageCount());
        this.touched = new PageBitmap(block.pageCount());
    }

    RamBlock block() {
        return block;
    }

    int wordCount() {
        return bits.wordCount();
    }

    /** Pages that a flush would copy, in so far as it is known before {@link #beginHarvest}, or by it. */
    long peek(int word) {
        return bits.peek(word) | block.dirtyBitmap().peek(word) | harvest.peek(word);
    }

    /** The pages of so many words that {@link #peek} has. */
    long count(int firstWord, int count) {
        long pages = 0;
        for (int word = firstWord; word < firstWord + count; word++) {
            pages += Long.bitCount(peek(word));
        }
        return pages;
    }

    /** A page has come from the primary. */
    void put(long offset, NativeMemory content, long position) {
        NativeMemory.copy(content, position, cache, offset, RamBlock.PAGE_BYTES);
        boolean _ = touched.testAndSet(offset >>> RamBlock.PAGE_SHIFT);
    }

    /** A page has come that is zero. */
    void putZero(long offset) {
        if (touched.fetchAndClearPage(offset >>> RamBlock.PAGE_SHIFT)) {
            cache.fill(offset, RamBlock.PAGE_BYTES, (byte) 0);
        }
    }

    /** The guest's page is not what the copy has. */
    void mark(long offset) {
        boolean _ = bits.testAndSet(offset >>> RamBlock.PAGE_SHIFT);
    }

    /** The guest is what the copy is. */
    void forget() {
        bits.clearAll();
        block.dirtyBitmap().clearAll();
    }

    void beginHarvest(DirtyTracker tracker) {
        harvest = tracker.beginHarvest(block, bits);
    }

    void endHarvest() {
        DirtyTracker.Harvest begun = harvest;
        harvest = DirtyTracker.Harvest.TAKEN;
        begun.close();
    }

    /** What the tracker says is of no interest. */
    void dropHarvest(DirtyTracker tracker) {
        long _ = tracker.harvest(block, bits);
        bits.clearAll();
    }

    /**
     * Makes the guest what the copy is, in so many words of 64 pages.
     *
     * @throws RuntimeException the tracker's; all of these pages are copied then, whether they differ or not
     */
    void flush(int firstWord, int count, FlushFigures figures) {
        try {
            harvest.take(firstWord, count);
        } catch (RuntimeException | Error e) {
            // What the guest has written here is not known: more than that is as right.
            long firstPage = (long) firstWord << 6;
            bits.setRange(firstPage, Math.min((long) count << 6, block.pageCount() - firstPage));
            copyMarked(firstWord, count, figures);
            throw e;
        }
        copyMarked(firstWord, count, figures);
    }

    private void copyMarked(int firstWord, int count, FlushFigures figures) {
        PageBitmap hostWrites = block.dirtyBitmap();
        long begin = 0;
        long behind = 0;
        for (int word = firstWord; word < firstWord + count; word++) {
            long rest = bits.fetchAndClear(word) | hostWrites.fetchAndClear(word);
            long base = (long) word << 6;
            while (rest != 0) {
                int low = Long.numberOfTrailingZeros(rest);
                int high = low + Long.numberOfTrailingZeros(~(rest >>> low));
                rest = high == 64 ? 0 : rest & (-1L << high);
                if (base + low != behind) {
                    copyToGuest(begin, behind, figures);
                    begin = base + low;
                }
                behind = base + high;
            }
        }
        copyToGuest(begin, behind, figures);
    }

    private void copyToGuest(long begin, long behind, FlushFigures figures) {
        if (behind > begin) {
            long offset = begin << RamBlock.PAGE_SHIFT;
            NativeMemory.copy(cache, offset, memory, offset, (behind - begin) << RamBlock.PAGE_SHIFT);
            figures.add(behind - begin);
        }
    }

    /** Makes the copy what the guest is, in so many words of 64 pages; leaves out what is zero in both. */
    void fill(int firstWord, int count, FlushFigures figures) {
        long end = Math.min((long) (firstWord + count) << 6, block.pageCount());
        long begin = (long) firstWord << 6;
        for (long page = begin; page < end; page++) {
            long offset = page << RamBlock.PAGE_SHIFT;
            if (memory.isZero(offset, RamBlock.PAGE_BYTES)) {
                copyToCache(begin, page, figures);
                putZero(offset);
                begin = page + 1;
            }
        }
        copyToCache(begin, end, figures);
    }

    private void copyToCache(long begin, long behind, FlushFigures figures) {
        if (behind > begin) {
            long offset = begin << RamBlock.PAGE_SHIFT;
            NativeMemory.copy(memory, offset, cache, offset, (behind - begin) << RamBlock.PAGE_SHIFT);
            touched.setRange(begin, behind - begin);
            figures.add(behind - begin);
        }
    }

    /** Frees the copy, and lets go of the block. */
    void close() {
        cache.close();
        block.endUse();
    }
}
