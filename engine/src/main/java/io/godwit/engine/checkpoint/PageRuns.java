// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.checkpoint;

/** Runs of neighbouring pages of one block, ascending, a few at a time. */
final class PageRuns {
    private static final int CAPACITY = 512;
    private static final int MOST_OF_A_WORD = Long.SIZE / 2;

    private final long[] firsts = new long[CAPACITY];
    private final long[] lengths = new long[CAPACITY];
    private int count;

    void clear() {
        count = 0;
    }

    /** Whether any word may be added. */
    boolean hasRoom() {
        return count <= CAPACITY - MOST_OF_A_WORD;
    }

    /** Adds the pages of a word of 64; {@code base} is its first page, above those that are here. */
    void add(long base, long bits) {
        long rest = bits;
        while (rest != 0) {
            int low = Long.numberOfTrailingZeros(rest);
            int length = Long.numberOfTrailingZeros(~(rest >>> low));
            long first = base + low;
            if (count > 0 && firsts[count - 1] + lengths[count - 1] == first) {
                lengths[count - 1] += length;
            } else {
                firsts[count] = first;
                lengths[count++] = length;
            }
            rest = low + length == Long.SIZE ? 0 : rest & (-1L << (low + length));
        }
    }

    int count() {
        return count;
    }

    long first(int index) {
        return firsts[index];
    }

    long length(int index) {
        return lengths[index];
    }
}
