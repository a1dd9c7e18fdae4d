// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.bench.moves;

import java.util.Locale;

/** What a distribution of durations comes down to; microseconds. */
record Quantiles(long count, double median, double p99, double p999, double max) {
    @Override
    public String toString() {
        return String.format(
                Locale.ROOT,
                "p50 %8.1f us, p99 %8.1f us, p99.9 %8.1f us, max %9.1f us (n %d)",
                median,
                p99,
                p999,
                max,
                count);
    }

    /** Each of these by its like of {@code floor}. */
    String over(Quantiles floor) {
        return String.format(
                Locale.ROOT,
                "p50 %.2f, p99 %.2f, p99.9 %.2f, max %.2f times",
                median / floor.median,
                p99 / floor.p99,
                p999 / floor.p999,
                max / floor.max);
    }
}
