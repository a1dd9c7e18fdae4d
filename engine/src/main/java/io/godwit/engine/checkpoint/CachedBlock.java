// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.checkpoint;

import io.godwit.engine.guest.DirtyTracker;
import io.godwit.engine.memory.PageBitmap;
import io.godwit.engine.memory.RamBlock;
import io.godwit.linux.memory.NativeMemory;
import java.util.Optional;
import java.util.function.LongFunction;

/**
 * One RAM block and its second copy. Pages of the copy that nobody has written to are not there and are zero.
 *
 * <p>Several threads may {@link #take}, {@link #copy} or {@link #fill} at a time, each its own words.
 */
final class CachedBlock {
    /** So many words are looked at as one. */
    private static final int SKIPPED_WORDS = 32;

    /** So many pages are filled at a time: the C library writes more past the caches, which have fresh memory. */
    private static final int FILLED_PAGES = 64;

    private final RamBlock block;
    private final NativeMemory memory;
    private final NativeMemory cache;
    /** Pages in which the guest may differ from the copy. */
    private final PageBitmap bits;
    /** Pages of the copy that have been written to; the others are zero. */
    private final PageBitmap touched;

    private long marked;
    private DirtyTracker.Harvest harvest = DirtyTracker.Harvest.TAKEN;
    private volatile Optional<RuntimeException> failure = Optional.empty();

    /** Its copy is allocated last. */
    CachedBlock(RamBlock block, LongFunction<NativeMemory> allocator) {
        this.block = block;
        this.memory = block.memory();
        this.bits = new PageBitmap(block.pageCount());
        this.touched = new PageBitmap(block.pageCount());
        this.cache = allocator.apply(block.usedLength());
    }

    RamBlock block() {
        return block;
    }

    int wordCount() {
        return bits.wordCount();
    }

    /** How many pages a flush would copy, as far as is known: with what was harvested, once that has begun. */
    long count() {
        long pages = 0;
        for (int word = 0; word < wordCount(); word += SKIPPED_WORDS) {
            int behind = Math.min(word + SKIPPED_WORDS, wordCount());
            if (!isClear(word, behind - word)) {
                for (int i = word; i < behind; i++) {
                    pages += Long.bitCount(bits.peek(i) | block.dirtyBitmap().peek(i) | harvest.word(i));
                }
            }
        }
        return pages;
    }

    private boolean isClear(int firstWord, int count) {
        return harvest.isClear(firstWord, count)
                && bits.isClear(firstWord, count)
                && block.dirtyBitmap().isClear(firstWord, count);
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
        marked += bits.testAndSet(offset >>> RamBlock.PAGE_SHIFT) ? 1 : 0;
    }

    /** So many pages are to be flushed at least: known without a look. */
    long marked() {
        return marked;
    }

    /** The guest is what the copy is. */
    void forget() {
        marked = 0;
        bits.clearAll();
        block.dirtyBitmap().clearAll();
    }

    void beginHarvest(DirtyTracker tracker) {
        failure = Optional.empty();
        harvest = tracker.beginHarvest(block, bits);
    }

    void endHarvest() {
        marked = 0;
        DirtyTracker.Harvest begun = harvest;
        harvest = DirtyTracker.Harvest.TAKEN;
        begun.close();
    }

    /** Why the tracker could not be armed again in all places. */
    Optional<RuntimeException> failure() {
        return failure;
    }

    /** What the tracker says is of no interest. */
    void dropHarvest(DirtyTracker tracker) {
        long _ = tracker.harvest(block, bits);
        bits.clearAll();
    }

    /**
     * Takes what is marked in so many words: {@link #copy} comes next. What fails of the tracker is told at the end.
     *
     * @return how many pages
     */
    long take(int firstWord, int count, TakenWords into) {
        if (isClear(firstWord, count)) {
            return 0;
        }
        try {
            harvest.arm(firstWord, count);
        } catch (RuntimeException e) {
            // What it has said is true all the same.
            failure = Optional.of(e);
        }
        long pages = 0;
        for (int word = firstWord; word < firstWord + count; word += SKIPPED_WORDS) {
            int behind = Math.min(word + SKIPPED_WORDS, firstWord + count);
            if (!isClear(word, behind - word)) {
                pages += takeEach(word, behind, into);
            }
        }
        return pages;
    }

    private long takeEach(int firstWord, int behind, TakenWords into) {
        long pages = 0;
        for (int word = firstWord; word < behind; word++) {
            long found =
                    bits.peek(word) | harvest.word(word) | block.dirtyBitmap().fetchAndClear(word);
            if (found != 0) {
                bits.assign(word, 0);
                into.add(word, found);
                pages += Long.bitCount(found);
            }
        }
        return pages;
    }

    /**
     * Makes the guest what the copy is, in words that were taken before. First it finds the runs, then it copies them:
     * steps that the processor cannot foresee, or that are atomic, would make it wait for the copies before them.
     */
    void copy(TakenWords from, int firstIndex, int behindIndex, FlushHand hand) {
        PageRuns found = hand.found();
        for (int i = firstIndex; i < behindIndex; i++) {
            if (!found.hasRoom()) {
                copyAll(found, hand);
            }
            found.add((long) from.word(i) << 6, from.bits(i));
        }
        copyAll(found, hand);
    }

    private void copyAll(PageRuns found, FlushHand hand) {
        long pages = 0;
        for (int i = 0; i < found.count(); i++) {
            if (i + 1 < found.count()) {
                // The next run is on its way from memory while this one is copied: 3 % in time.
                hand.seen(cache.getLong(found.first(i + 1) << RamBlock.PAGE_SHIFT));
            }
            long offset = found.first(i) << RamBlock.PAGE_SHIFT;
            long length = found.length(i);
            // The C library's copy is a tenth faster than Java's, and no safepoint waits for it.
            NativeMemory.copyByDowncall(cache, offset, memory, offset, length << RamBlock.PAGE_SHIFT);
            pages += length;
        }
        hand.add(pages, found.count());
        found.clear();
    }

    /** Makes the copy what the guest is, in so many words of 64 pages; leaves out what is zero in both. */
    void fill(int firstWord, int count, FlushHand hand) {
        long end = Math.min((long) (firstWord + count) << 6, block.pageCount());
        for (long page = (long) firstWord << 6; page < end; page += FILLED_PAGES) {
            fillPages(page, Math.min(page + FILLED_PAGES, end), hand);
        }
    }

    private void fillPages(long first, long end, FlushHand hand) {
        long begin = first;
        for (long page = first; page < end; page++) {
            long offset = page << RamBlock.PAGE_SHIFT;
            if (memory.isZero(offset, RamBlock.PAGE_BYTES)) {
                copyToCache(begin, page, hand);
                putZero(offset);
                begin = page + 1;
            }
        }
        copyToCache(begin, end, hand);
    }

    private void copyToCache(long begin, long behind, FlushHand hand) {
        if (behind > begin) {
            long offset = begin << RamBlock.PAGE_SHIFT;
            NativeMemory.copyByDowncall(memory, offset, cache, offset, (behind - begin) << RamBlock.PAGE_SHIFT);
            touched.setRange(begin, behind - begin);
            hand.add(behind - begin, 1);
        }
    }

    /** Frees the copy, and lets go of the block. */
    void close() {
        cache.close();
        block.endUse();
    }
}
