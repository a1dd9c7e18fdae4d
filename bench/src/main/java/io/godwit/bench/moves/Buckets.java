// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.bench.moves;

import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;
import tools.jackson.databind.JsonNode;

/** A histogram as a host tells it: durations in nanoseconds and how many took up to each. Several add up. */
final class Buckets {
    private final NavigableMap<Long, Long> counts = new TreeMap<>();
    private long maximum;

    /** Adds pairs of a duration and a count, whose longest duration was this. */
    void add(JsonNode pairs, long longestNanos) {
        for (JsonNode pair : pairs) {
            counts.merge(pair.path(0).asLong(), pair.path(1).asLong(), Long::sum);
        }
        maximum = Math.max(maximum, longestNanos);
    }

    void add(Buckets other) {
        other.counts.forEach((upTo, count) -> counts.merge(upTo, count, Long::sum));
        maximum = Math.max(maximum, other.maximum);
    }

    long count() {
        return counts.values().stream().mapToLong(Long::longValue).sum();
    }

    /** How many lie in buckets that end above this. */
    long countAbove(long nanos) {
        return counts.tailMap(nanos, false).values().stream()
                .mapToLong(Long::longValue)
                .sum();
    }

    Quantiles quantiles() {
        return new Quantiles(count(), micros(0.5), micros(0.99), micros(0.999), maximum / 1e3);
    }

    private double micros(double share) {
        long rank = (long) Math.ceil(share * count());
        long seen = 0;
        for (Map.Entry<Long, Long> bucket : counts.entrySet()) {
            seen += bucket.getValue();
            if (seen >= rank) {
                return Math.min(bucket.getKey(), maximum) / 1e3;
            }
        }
        return Double.NaN;
    }
}
