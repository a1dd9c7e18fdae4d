// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.memory;

import io.godwit.linux.memory.NativeMemory;
import java.util.Optional;

/**
 * Some pages of one RAM block that are sent together. Filled from a dirty bitmap, which gives the bits up as they are
 * taken: from then on the batch is the only one who knows that these pages must be sent. Where their content is, a
 * {@link PageSource} says.
 */
public final class PageBatch implements AutoCloseable {
    private final long[] pages;
    private final NativeMemory[] contents;
    private final long[] offsets;
    private int count;
    private Optional<NativeMemory> room = Optional.empty();

    /** A batch of at most {@code capacity} pages. */
    public PageBatch(int capacity) {
        if (capacity < 64) {
            throw new IllegalArgumentException(
                    "a batch of " + capacity + " pages: at least 64, one word of the bitmap");
        }
        pages = new long[capacity];
        contents = new NativeMemory[capacity];
        offsets = new long[capacity];
    }

    /** How many pages it holds. */
    public int count() {
        return count;
    }

    /** How many it can hold. */
    public int capacity() {
        return pages.length;
    }

    /** The number, within its block, of the i-th page. */
    public long page(int index) {
        return pages[index];
    }

    /** The content of the i-th page begins at {@code offset} of {@code memory}. */
    public void locate(int index, NativeMemory memory, long offset) {
        contents[index] = memory;
        offsets[index] = offset;
    }

    /** Memory for the content of as many pages as the batch can hold; for sources that have none. */
    public NativeMemory room() {
        if (room.isEmpty()) {
            room = Optional.of(NativeMemory.allocate((long) pages.length << RamBlock.PAGE_SHIFT));
        }
        return room.get();
    }

    /** What holds the content of the i-th page, once it is located. */
    public NativeMemory content(int index) {
        return contents[index];
    }

    /** Where in {@link #content} it begins, in bytes. */
    public long contentOffset(int index) {
        return offsets[index];
    }

    /**
     * Empties the batch and takes set bits from {@code word} on until the batch is full or the bitmap ends.
     *
     * @return the word to go on with; {@link PageBitmap#wordCount()} at the end of the bitmap
     */
    public int fill(PageBitmap bitmap, int word) {
        count = 0;
        int at = word;
        while (at < bitmap.wordCount() && count + 64 <= pages.length) {
            add(bitmap.fetchAndClear(at), (long) at << 6);
            at++;
        }
        return at;
    }

    /**
     * The same, but leaves those that are set in {@code left} too.
     *
     * @param left of the same block
     */
    public int fillBut(PageBitmap left, PageBitmap bitmap, int word) {
        count = 0;
        int at = word;
        while (at < bitmap.wordCount() && count + 64 <= pages.length) {
            add(bitmap.fetchAndClear(at, ~left.peek(at)), (long) at << 6);
            at++;
        }
        return at;
    }

    /**
     * Empties the batch and takes set bits from {@code page} on until it has {@code limit} pages or the bitmap ends.
     *
     * @return the page to go on with; {@link PageBitmap#pageCount()} at the end of the bitmap
     */
    public long take(PageBitmap bitmap, long page, int limit) {
        count = 0;
        long at = page;
        while (at < bitmap.pageCount()) {
            int word = (int) (at >>> 6);
            long base = at & ~63L;
            long wanted = lowest(bitmap.peek(word) & (-1L << at), Math.min(limit, pages.length) - count);
            long bits = wanted == 0 ? 0 : bitmap.fetchAndClear(word, wanted);
            add(bits, base);
            if (count == limit || count == pages.length) {
                return pages[count - 1] + 1;
            }
            at = base + 64;
        }
        return bitmap.pageCount();
    }

    /** Holds {@code number} pages from {@code first} on, whose bits somebody has taken. */
    public void hold(long first, int number) {
        for (int i = 0; i < number; i++) {
            pages[i] = first + i;
        }
        count = number;
    }

    /** Holds nothing. */
    public void clear() {
        count = 0;
    }

    /** Holds {@code number} pages from {@code first} on besides, whose bits somebody has taken. */
    public void add(long first, int number) {
        for (int i = 0; i < number; i++) {
            pages[count++] = first + i;
        }
    }

    private void add(long bits, long base) {
        for (long rest = bits; rest != 0; rest &= rest - 1) {
            pages[count++] = base + Long.numberOfTrailingZeros(rest);
        }
    }

    /** Frees its room; whoever asks for that again gets another. */
    @Override
    public void close() {
        room.ifPresent(NativeMemory::close);
        room = Optional.empty();
    }

    /** The {@code number} lowest set bits. */
    private static long lowest(long bits, int number) {
        long rest = bits;
        for (int i = 0; i < number && rest != 0; i++) {
            rest &= rest - 1;
        }
        return bits & ~rest;
    }
}
