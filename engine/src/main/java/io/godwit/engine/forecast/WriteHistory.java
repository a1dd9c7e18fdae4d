// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.forecast;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What syncs of a running migration have found of the guest's writes, as a {@link DirtyCurve}: of intervals of about
 * the same length the latest counts, and what is old does not. One thread at a time.
 */
final class WriteHistory {
    /** Two for each doubling of the interval. */
    private static final int BUCKETS = 128;

    /** A guest changes what it does; what was seen so long ago, or so many intervals, is forgotten. */
    private static final long OLD_NANOS = 60_000_000_000L;

    private static final int OLD_INTERVALS = 4;

    /** What one interval says of others as long. */
    private static final double RELATIVE_ERROR = 0.08;

    private static final double ABSOLUTE_ERROR = 8;

    /** Shorter than this the time of the harvest itself tells. */
    private static final long SHORTEST_NANOS = 500_000;

    private final long[] nanos = new long[BUCKETS];
    private final long[] pages = new long[BUCKETS];
    private final long[] atNanos = new long[BUCKETS];

    /**
     * A sync has found so much.
     *
     * @param guestNanos how long the guest ran since the one before, less what throttling took
     * @param found different pages that it wrote in this time
     */
    void add(long nowNanos, long guestNanos, long found) {
        if (guestNanos >= SHORTEST_NANOS) {
            int bucket = (int) (2 * Math.log((double) guestNanos) / Math.log(2));
            nanos[bucket] = guestNanos;
            pages[bucket] = found;
            atNanos[bucket] = nowNanos;
        }
    }

    /** What is known of a guest of so many pages; empty if nothing is. */
    Optional<DirtyCurve> curve(long nowNanos, long totalPages) {
        List<DirtyCurve.Point> points = new ArrayList<>();
        for (int i = 0; i < BUCKETS; i++) {
            if (nanos[i] > 0 && nowNanos - atNanos[i] <= Math.max(OLD_NANOS, OLD_INTERVALS * nanos[i])) {
                points.add(new DirtyCurve.Point(
                        nanos[i],
                        Estimate.measured((double) Math.min(pages[i], totalPages), RELATIVE_ERROR, ABSOLUTE_ERROR)));
            }
        }
        return points.isEmpty() ? Optional.empty() : Optional.of(DirtyCurve.of(points, totalPages));
    }
}
