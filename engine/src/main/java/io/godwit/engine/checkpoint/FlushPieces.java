// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.checkpoint;

import java.util.concurrent.atomic.AtomicInteger;

/**
 * The work of one flush, cut into pieces that are taken one after the other. One thread fills it; then any number take.
 */
final class FlushPieces {
    /** Where a piece of {@link FlushShape#RUNS} ends at the latest, but for the rest of its last word. */
    static final int PAGES = 128;

    private final int[] blocks;
    private final int[] firstWords;
    private final int[] wordCounts;
    private final AtomicInteger cursor = new AtomicInteger();
    private int count;

    /** Room for so many pieces. */
    FlushPieces(int capacity) {
        blocks = new int[capacity];
        firstWords = new int[capacity];
        wordCounts = new int[capacity];
    }

    void clear() {
        count = 0;
        cursor.set(0);
    }

    void add(int block, int firstWord, int wordCount) {
        blocks[count] = block;
        firstWords[count] = firstWord;
        wordCounts[count++] = wordCount;
    }

    int count() {
        return count;
    }

    /** The number of a piece that nobody else gets; negative if there are no more. */
    int take() {
        int next = cursor.getAndIncrement();
        return next < count ? next : -1;
    }

    int block(int piece) {
        return blocks[piece];
    }

    int firstWord(int piece) {
        return firstWords[piece];
    }

    int wordCount(int piece) {
        return wordCounts[piece];
    }
}
