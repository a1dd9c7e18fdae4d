// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.checkpoint;

/** Words of 64 pages that have pages to copy, taken out of the bitmaps: those with none are not among them. */
final class TakenWords {
    private final int[] words;
    private final long[] bits;
    private int count;

    TakenWords(int capacity) {
        words = new int[capacity];
        bits = new long[capacity];
    }

    void clear() {
        count = 0;
    }

    void add(int word, long pages) {
        words[count] = word;
        bits[count++] = pages;
    }

    int count() {
        return count;
    }

    int word(int index) {
        return words[index];
    }

    long bits(int index) {
        return bits[index];
    }
}
