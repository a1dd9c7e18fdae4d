// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store.pages;

import java.util.Arrays;

/**
 * Foresees that a chunk will not shrink: the ones before it did not, and a sample of its bytes has every value about as
 * often as any other. Compressed and encrypted memory looks so. One chunk in some is tried all the same. One thread.
 */
final class ChunkDensity {
    /** After so many that did not shrink, one in a row. */
    static final int IN_A_ROW = 4;

    /** So many at most are not tried, one behind the other. */
    static final int MOST_SKIPPED = 31;

    private static final int VALUES = 256;
    private static final int SAMPLES = 1024;

    /**
     * Pairs of equal samples, each with itself too: as many as random bytes have (n + n * (n - 1) / 256), and a tenth
     * more, which is more than five deviations.
     */
    private static final int MOST_EQUAL = (SAMPLES + SAMPLES * (SAMPLES - 1) / VALUES) * 11 / 10;

    private final int[] counts = new int[VALUES];
    private int inARow;
    private int skipped;

    /** Hears what became of a chunk: whether it shrank. */
    void hear(boolean shrank) {
        inARow = shrank ? 0 : inARow + 1;
    }

    /** Whether a chunk is not to be tried. */
    boolean isInVain(byte[] pages, int length) {
        if (inARow < IN_A_ROW || skipped == MOST_SKIPPED || !looksRandom(pages, length)) {
            skipped = 0;
            return false;
        }
        skipped++;
        return true;
    }

    /** The step is odd, so that each byte of a word has its turn. */
    private boolean looksRandom(byte[] pages, int length) {
        if (length < SAMPLES) {
            return false;
        }
        int step = (length / SAMPLES - 1) | 1;
        Arrays.fill(counts, 0);
        for (int i = 0; i < SAMPLES; i++) {
            counts[pages[i * step] & 0xff]++;
        }
        int equal = 0;
        for (int count : counts) {
            equal += count * count;
        }
        return equal <= MOST_EQUAL;
    }
}
