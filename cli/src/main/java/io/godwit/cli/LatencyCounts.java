// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import java.util.Map;
import java.util.TreeMap;
import tools.jackson.databind.JsonNode;

/**
 * How often which latency occurred: what a host tells as {@code latency-buckets}, or the difference between two such
 * answers.
 *
 * @param counts the longest duration of each step in nanoseconds, and how many fell into it
 */
record LatencyCounts(TreeMap<Long, Long> counts) {
    static LatencyCounts of(JsonNode buckets) {
        TreeMap<Long, Long> counts = new TreeMap<>();
        for (JsonNode bucket : buckets.values()) {
            counts.put(bucket.path(0).asLong(0), bucket.path(1).asLong(0));
        }
        return new LatencyCounts(counts);
    }

    /** What came after an earlier answer of the same host. */
    LatencyCounts since(LatencyCounts earlier) {
        TreeMap<Long, Long> news = new TreeMap<>();
        counts.forEach((upTo, count) -> {
            long more = count - earlier.counts.getOrDefault(upTo, 0L);
            if (more > 0) {
                news.put(upTo, more);
            }
        });
        return new LatencyCounts(news);
    }

    long count() {
        return counts.values().stream().mapToLong(Long::longValue).sum();
    }

    /** What {@code percent} of them did not exceed, in nanoseconds; 0 if there were none. */
    long percentileNanos(double percent) {
        long rank = (long) Math.ceil(count() * percent / 100);
        long seen = 0;
        for (Map.Entry<Long, Long> step : counts.entrySet()) {
            seen += step.getValue();
            if (seen >= rank) {
                return step.getKey();
            }
        }
        return 0;
    }

    /**
     * How many fell into each doubling; shorter and longer ones count with the first and the last.
     *
     * @param first the binary logarithm of the microseconds at which the first doubling begins
     */
    long[] doublings(int first, int doublings) {
        long[] bars = new long[doublings];
        counts.forEach((upTo, count) -> {
            int doubling = 63 - Long.numberOfLeadingZeros(Math.max(1, upTo / 1000));
            bars[Math.clamp(doubling - first, 0, doublings - 1)] += count;
        });
        return bars;
    }
}
