// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.memory;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.concurrent.atomic.LongAdder;

/**
 * One bit for each page of a RAM block. What a set bit means its owner says: the page must be sent, has arrived, is
 * hot. Any thread may set bits while another takes them: fetch-and-clear is one atomic step for each word of 64 pages,
 * so that no bit is lost and none is taken twice. Who sees a bit sees what was written before it was set.
 */
public final class PageBitmap {
    private static final VarHandle WORD = MethodHandles.arrayElementVarHandle(long[].class);

    /** So many words are looked at as one. */
    private static final int LOOK_WORDS = 32;

    private final long pageCount;
    private final long[] words;
    private final LongAdder newlySet = new LongAdder();

    /** A bitmap with all bits clear. */
    public PageBitmap(long pageCount) {
        if (pageCount <= 0 || (pageCount + 63) / 64 > Integer.MAX_VALUE - 8) {
            throw new IllegalArgumentException("a bitmap of " + pageCount + " pages cannot be made");
        }
        this.pageCount = pageCount;
        this.words = new long[(int) ((pageCount + 63) / 64)];
    }

    /** How many pages it covers. */
    public long pageCount() {
        return pageCount;
    }

    /** How many words of 64 pages it has. */
    public int wordCount() {
        return words.length;
    }

    /** Sets every bit. */
    public void setAll() {
        for (int i = 0; i < words.length; i++) {
            WORD.setRelease(words, i, legalBits(i));
        }
    }

    /** Clears every bit. */
    public void clearAll() {
        for (int i = 0; i < words.length; i++) {
            WORD.setRelease(words, i, 0L);
        }
    }

    /** Sets the bit of one page. */
    public void set(long page) {
        checkPage(page);
        or((int) (page >>> 6), 1L << page);
    }

    /** Sets the bit of one page in one atomic step; returns whether it was clear. */
    public boolean testAndSet(long page) {
        checkPage(page);
        long bit = 1L << page;
        // ORDERING: release, as in or.
        return ((long) WORD.getAndBitwiseOrRelease(words, (int) (page >>> 6), bit) & bit) == 0;
    }

    /** Sets {@code count} bits from {@code firstPage} on. */
    public void setRange(long firstPage, long count) {
        checkRange(firstPage, count);
        long behind = firstPage + count;
        for (long page = firstPage; page < behind; page = (page | 63) + 1) {
            or((int) (page >>> 6), bitsBetween(page, behind));
        }
    }

    /** Clears {@code count} bits from {@code firstPage} on. */
    public void clearRange(long firstPage, long count) {
        checkRange(firstPage, count);
        long behind = firstPage + count;
        for (long page = firstPage; page < behind; page = (page | 63) + 1) {
            long _ = (long) WORD.getAndBitwiseAndRelease(words, (int) (page >>> 6), ~bitsBetween(page, behind));
        }
    }

    /** The bits of {@code page}'s word from it on to before {@code behind}. */
    private static long bitsBetween(long page, long behind) {
        long fromPage = -1L << page;
        return (page | 63) < behind ? fromPage : fromPage & ~(-1L << behind);
    }

    /** Sets the bits of {@code mask} in a word of 64 pages; bits beyond the last page are ignored. */
    public void or(int word, long mask) {
        long legal = mask & legalBits(word);
        if (legal != 0) {
            // ORDERING: release pairs with the acquire in fetchAndClear: who takes the bit sees what was written before
            // it was set.
            long before = (long) WORD.getAndBitwiseOrRelease(words, word, legal);
            if ((legal & ~before) != 0) {
                newlySet.add(Long.bitCount(legal & ~before));
            }
        }
    }

    /**
     * How often {@link #set}, {@link #setRange} or {@link #or} set a bit that was clear; what others did is not
     * counted. Never falls.
     */
    public long newlySetCount() {
        return newlySet.sum();
    }

    /** Whether the bit of a page is set. */
    public boolean isSet(long page) {
        checkPage(page);
        return ((long) WORD.getAcquire(words, (int) (page >>> 6)) >>> page & 1) != 0;
    }

    /** Takes the bit of one page in one atomic step; returns whether it was set. */
    public boolean fetchAndClearPage(long page) {
        checkPage(page);
        long bit = 1L << page;
        int word = (int) (page >>> 6);
        if (((long) WORD.getAcquire(words, word) & bit) == 0) {
            return false;
        }
        return ((long) WORD.getAndBitwiseAndAcquire(words, word, ~bit) & bit) != 0;
    }

    /** The bits of one word, which stay. */
    public long peek(int word) {
        return (long) WORD.getAcquire(words, word);
    }

    /**
     * Whether no bit is set in {@code count} words from {@code firstWord} on; much faster than to look at each. A bit
     * that another thread has just set may be missed.
     */
    public boolean isClear(int firstWord, int count) {
        int last = firstWord + count - 1;
        // Words whose first is zero, and that equal themselves moved by one, are zero.
        return words[firstWord] == 0 && Arrays.mismatch(words, firstWord, last, words, firstWord + 1, last + 1) < 0;
    }

    /**
     * The first word from {@code from} on that has a bit; {@link #wordCount} if there is none. As {@link #isClear}.
     */
    public int nextWord(int from) {
        int word = from;
        while (word < words.length && peek(word) == 0) {
            int count = Math.min(LOOK_WORDS, words.length - word);
            word += isClear(word, count) ? count : 1;
        }
        return word;
    }

    /** Takes the bits of one word: returns them and leaves zero, in one atomic step. */
    public long fetchAndClear(int word) {
        if ((long) WORD.getAcquire(words, word) == 0) {
            return 0;
        }
        return (long) WORD.getAndSetAcquire(words, word, 0L);
    }

    /** Takes those bits of {@code mask} that are set in one word: returns and clears them, in one atomic step. */
    public long fetchAndClear(int word, long mask) {
        if (((long) WORD.getAcquire(words, word) & mask) == 0) {
            return 0;
        }
        return (long) WORD.getAndBitwiseAndAcquire(words, word, ~mask) & mask;
    }

    /**
     * Makes one word what {@code bits} says; bits beyond the last page are ignored. For one thread, while nobody takes
     * bits.
     */
    public void assign(int word, long bits) {
        WORD.setRelease(words, word, bits & legalBits(word));
    }

    /** How many bits are set: exact when nobody writes meanwhile. */
    public long count() {
        return count(0, words.length);
    }

    /** How many bits are set in the words from {@code first} to before {@code behind}. */
    public long count(int first, int behind) {
        long count = 0;
        for (int i = first; i < behind; i++) {
            count += Long.bitCount((long) WORD.getAcquire(words, i));
        }
        return count;
    }

    /** A copy of the words, for comparison and reports. */
    public long[] toWords() {
        long[] copy = new long[words.length];
        Arrays.setAll(copy, i -> (long) WORD.getAcquire(words, i));
        return copy;
    }

    /** Its length as the return path has it: a whole number of 8-byte words. WIRE: RECV_BITMAP. */
    public int wireBytes() {
        return Math.multiplyExact(words.length, Long.BYTES);
    }

    /** Puts it as the return path has it: bit n of the little-endian words is page n. WIRE: RECV_BITMAP. */
    public void putWire(ByteBuffer out) {
        ByteBuffer littleEndian = out.slice().order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < words.length; i++) {
            littleEndian.putLong((long) WORD.getAcquire(words, i));
        }
        out.position(out.position() + wireBytes());
    }

    private long legalBits(int word) {
        return word == words.length - 1 && (pageCount & 63) != 0 ? -1L >>> (64 - (pageCount & 63)) : -1L;
    }

    private void checkRange(long firstPage, long count) {
        if (count > 0) {
            checkPage(firstPage);
            checkPage(firstPage + count - 1);
        }
    }

    private void checkPage(long page) {
        if (page < 0 || page >= pageCount) {
            throw new IndexOutOfBoundsException("page " + page + " of a block of " + pageCount + " pages");
        }
    }
}
