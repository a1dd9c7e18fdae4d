// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.bench.moves;

import java.util.Arrays;

/** Moments on the clock of {@link System#nanoTime}, in ascending order. One thread adds, any asks. */
final class Stamps {
    private long[] times = new long[1024];
    private int count;

    synchronized void add(long nanos) {
        if (count == times.length) {
            times = Arrays.copyOf(times, 2 * count);
        }
        times[count++] = nanos;
    }

    /** How many there are at or after {@code from} and before {@code to}. */
    synchronized int between(long from, long to) {
        int found = 0;
        for (int i = 0; i < count; i++) {
            if (times[i] >= from && times[i] < to) {
                found++;
            }
        }
        return found;
    }

    /** The last one before {@code nanos}, or {@link Long#MIN_VALUE}. */
    synchronized long lastBefore(long nanos) {
        long last = Long.MIN_VALUE;
        for (int i = 0; i < count && times[i] < nanos; i++) {
            last = times[i];
        }
        return last;
    }

    /** The first one; {@link Long#MAX_VALUE} if there is none. */
    synchronized long first() {
        return count == 0 ? Long.MAX_VALUE : times[0];
    }

    /** The longest time between two neighbours that lie from {@code from} to {@code to}. */
    synchronized long longestGap(long from, long to) {
        long longest = 0;
        for (int i = 1; i < count; i++) {
            if (times[i - 1] >= from && times[i] <= to) {
                longest = Math.max(longest, times[i] - times[i - 1]);
            }
        }
        return longest;
    }
}
