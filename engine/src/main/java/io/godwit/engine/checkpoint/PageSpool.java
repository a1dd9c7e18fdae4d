// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.checkpoint;

import io.godwit.engine.memory.RamBlock;
import io.godwit.linux.memory.NativeMemory;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The pages of one epoch, outside of the guest. Grows by what it is given, up to a limit, and gives back most of it
 * when it is emptied. One thread at a time.
 */
final class PageSpool implements AutoCloseable {
    /** Pages of one piece of memory: 16 MiB. */
    static final int CHUNK_PAGES = 4096;

    /** LIMIT: 64 MiB stay for the next epoch. */
    private static final int KEPT_CHUNKS = 4;

    private static final int PAGE_BITS = 48;
    private static final long PAGE_MASK = (1L << PAGE_BITS) - 1;
    private static final long ZERO_KEY = 1L << 63;

    private final long maxPages;
    private final List<NativeMemory> chunks = new ArrayList<>();
    // A page's number, its block above, and whether it is zero; beside it its place among those with content.
    private long[] keys = new long[1024];
    private int[] places = new int[1024];
    private int count;
    private int stored;

    /** A spool for so many pages at most, zero ones included. */
    PageSpool(long maxPages) {
        this.maxPages = Math.min(maxPages, Integer.MAX_VALUE - 8);
    }

    boolean isFull() {
        return count >= maxPages;
    }

    int count() {
        return count;
    }

    /** Takes a copy of a page. The caller has asked {@link #isFull}. */
    void add(int block, long page, NativeMemory from, long offset) {
        int place = stored;
        if (place / CHUNK_PAGES == chunks.size()) {
            chunks.add(NativeMemory.mapAnonymous((long) CHUNK_PAGES * RamBlock.PAGE_BYTES));
        }
        NativeMemory.copy(from, offset, chunks.get(place / CHUNK_PAGES), chunkOffset(place), RamBlock.PAGE_BYTES);
        note(key(block, page), place);
        stored++;
    }

    /** Notes a page of zeros. */
    void addZero(int block, long page) {
        note(key(block, page) | ZERO_KEY, stored);
    }

    int block(int index) {
        return (int) ((keys[index] & ~ZERO_KEY) >>> PAGE_BITS);
    }

    long page(int index) {
        return keys[index] & PAGE_MASK;
    }

    boolean isZero(int index) {
        return keys[index] < 0;
    }

    /** Where the content of a page that is not zero is. */
    NativeMemory memory(int index) {
        return chunks.get(places[index] / CHUNK_PAGES);
    }

    /** Where in {@link #memory}. */
    long offset(int index) {
        return chunkOffset(places[index]);
    }

    void clear() {
        count = 0;
        stored = 0;
        while (chunks.size() > KEPT_CHUNKS) {
            chunks.removeLast().close();
        }
    }

    private void note(long key, int place) {
        if (count >= maxPages) {
            throw new IllegalStateException("a spool of " + maxPages + " pages is full");
        }
        if (count == keys.length) {
            int grown = (int) Math.min(maxPages, count * 2L);
            keys = Arrays.copyOf(keys, grown);
            places = Arrays.copyOf(places, grown);
        }
        keys[count] = key;
        places[count++] = place;
    }

    private static long key(int block, long page) {
        return (long) block << PAGE_BITS | page;
    }

    private static long chunkOffset(int place) {
        return (long) (place % CHUNK_PAGES) * RamBlock.PAGE_BYTES;
    }

    @Override
    public void close() {
        chunks.forEach(NativeMemory::close);
        chunks.clear();
        count = 0;
        stored = 0;
    }
}
