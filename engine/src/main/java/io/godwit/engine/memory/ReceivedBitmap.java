// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.memory;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * One bit for each page of a RAM block at a destination: set means that the page has arrived. The one truth about what
 * is there: a bit is set after its page was placed. Any thread may set and read; clearing is for who discards, while
 * nothing runs.
 */
public final class ReceivedBitmap {
    private static final VarHandle WORD = MethodHandles.arrayElementVarHandle(long[].class);

    private final long pageCount;
    private final long[] words;

    /** A bitmap of a block of which nothing has arrived. */
    public ReceivedBitmap(long pageCount) {
        if (pageCount <= 0 || (pageCount + 63) / 64 > Integer.MAX_VALUE - 8) {
            throw new IllegalArgumentException("a received bitmap of " + pageCount + " pages cannot be made");
        }
        this.pageCount = pageCount;
        this.words = new long[(int) ((pageCount + 63) / 64)];
    }

    /** How many pages it covers. */
    public long pageCount() {
        return pageCount;
    }

    /** Whether the page has arrived; what was placed is seen by who sees its bit. */
    public boolean isSet(long page) {
        checkPage(page);
        return ((long) WORD.getAcquire(words, (int) (page >>> 6)) >>> page & 1) != 0;
    }

    /**
     * Notes that a page has arrived.
     *
     * @return whether it is the first time
     */
    public boolean set(long page) {
        checkPage(page);
        long bit = 1L << page;
        return ((long) WORD.getAndBitwiseOrRelease(words, (int) (page >>> 6), bit) & bit) == 0;
    }

    /** Notes that {@code count} pages from {@code firstPage} on have arrived together. */
    public void setRange(long firstPage, long count) {
        for (long page = firstPage; page < firstPage + count; page++) {
            boolean _ = set(page);
        }
    }

    /** Forgets {@code count} pages from {@code firstPage} on. */
    public void clearRange(long firstPage, long count) {
        if (count <= 0) {
            return;
        }
        checkPage(firstPage);
        checkPage(firstPage + count - 1);
        long last = firstPage + count - 1;
        int firstWord = (int) (firstPage >>> 6);
        int lastWord = (int) (last >>> 6);
        for (int word = firstWord; word <= lastWord; word++) {
            long mask = -1L;
            if (word == firstWord) {
                mask &= -1L << firstPage;
            }
            if (word == lastWord) {
                mask &= -1L >>> (63 - (last & 63));
            }
            long _ = (long) WORD.getAndBitwiseAndRelease(words, word, ~mask);
        }
    }

    /** How many pages have arrived: exact when nothing arrives meanwhile. */
    public long count() {
        long count = 0;
        for (int i = 0; i < words.length; i++) {
            count += Long.bitCount((long) WORD.getAcquire(words, i));
        }
        return count;
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

    private void checkPage(long page) {
        if (page < 0 || page >= pageCount) {
            throw new IndexOutOfBoundsException("page " + page + " of a block of " + pageCount + " pages");
        }
    }
}
