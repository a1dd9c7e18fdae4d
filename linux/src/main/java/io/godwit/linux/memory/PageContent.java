// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.memory;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Objects;

/** The loops over a page's bytes: zero test, content hash, noise. Nothing here allocates. */
final class PageContent {
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    // Odd numbers with about half their bits set, so that a product spreads each bit upwards.
    private static final long MULTIPLIER_A = 0x9E3779B97F4A7C15L;
    private static final long MULTIPLIER_B = 0xBF58476D1CE4E5B9L;
    private static final long MULTIPLIER_C = 0x94D049BB133111EBL;
    private static final int ROTATION = 31;
    private static final int STRIDE = 32;

    private PageContent() {}

    static boolean isZero(MemorySegment segment, long offset, int length) {
        if (length < Long.BYTES) {
            return areBytesZero(segment, offset, length);
        }
        // A range whose first 8 bytes are zero, and that equals itself moved by 8, is zero.
        long end = offset + length;
        return segment.get(LONG, offset) == 0
                && MemorySegment.mismatch(segment, offset, end - Long.BYTES, segment, offset + Long.BYTES, end) < 0;
    }

    private static boolean areBytesZero(MemorySegment segment, long offset, int length) {
        Objects.checkFromIndexSize(offset, length, segment.byteSize());
        int seen = 0;
        for (int i = 0; i < length; i++) {
            seen |= segment.get(JAVA_BYTE, offset + i);
        }
        return seen == 0;
    }

    /**
     * Four lanes take turns over the words, so that the processor multiplies for all of them at once. Each step of a
     * lane is a bijection of the lane and, for a given lane, of the word: a change of one word always changes the hash.
     */
    static long hash(MemorySegment segment, long offset, int length) {
        Objects.checkFromIndexSize(offset, length, segment.byteSize());
        long lane0 = MULTIPLIER_A;
        long lane1 = MULTIPLIER_B;
        long lane2 = MULTIPLIER_C;
        long lane3 = ~MULTIPLIER_A;
        int i = 0;
        for (; i <= length - STRIDE; i += STRIDE) {
            lane0 = step(lane0, segment.get(LONG, offset + i));
            lane1 = step(lane1, segment.get(LONG, offset + i + 8));
            lane2 = step(lane2, segment.get(LONG, offset + i + 16));
            lane3 = step(lane3, segment.get(LONG, offset + i + 24));
        }
        long hash = step(step(step(step(length, lane0), lane1), lane2), lane3);
        for (; i <= length - Long.BYTES; i += Long.BYTES) {
            hash = step(hash, segment.get(LONG, offset + i));
        }
        for (; i < length; i++) {
            hash = step(hash, segment.get(JAVA_BYTE, offset + i));
        }
        return mixed(hash);
    }

    static void fillRandom(MemorySegment segment, long offset, long length, long seed) {
        long state = mixed(seed ^ MULTIPLIER_A);
        long whole = length & -Long.BYTES;
        for (long i = 0; i < whole; i += Long.BYTES) {
            state += MULTIPLIER_A;
            segment.set(LONG, offset + i, mixed(state));
        }
        long last = mixed(state + MULTIPLIER_A);
        for (long i = whole; i < length; i++) {
            segment.set(JAVA_BYTE, offset + i, (byte) (last >>> ((i - whole) * Byte.SIZE)));
        }
    }

    private static long step(long lane, long word) {
        return Long.rotateLeft(lane + word * MULTIPLIER_B, ROTATION) * MULTIPLIER_A;
    }

    /** Makes every bit depend on every other (the finaliser of the SplitMix64 generator). */
    private static long mixed(long value) {
        long z = (value ^ value >>> 30) * MULTIPLIER_B;
        z = (z ^ z >>> 27) * MULTIPLIER_C;
        return z ^ z >>> 31;
    }
}
