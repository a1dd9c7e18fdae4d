// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.bench.moves;

import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;
import tools.jackson.databind.JsonNode;

/** A histogram as a host tells it: durations and how many took up to each. Several add up. */
final class Buckets {
    private final NavigableMap<Long, Long> counts = new TreeMap<>();
    private long maximum;

    /** Adds pairs of a duration and a count, whose longest duration was this. */
    void add(JsonNode pairs, long longest) {
        for (JsonNode pair : pairs) {
            counts.merge(pair.path(0).asLong(), pair.path(1).asLong(), Long::sum);
        }
        maximum = Math.max(maximum, longest);
    }

    /** Takes what another says away from this one: what came after it remains. */
    void subtract(Buckets earlier) {
        earlier.counts.forEach((upTo, count) -> counts.merge(upTo, -count, Long::sum));
        counts.values().removeIf(count -> count <= 0);
    }

    /** Only what took longest, so many. */
    Buckets longest(long wanted) {
        Buckets some = new Buckets();
        long left = wanted;
        for (Map.Entry<Long, Long> bucket : counts.descendingMap().entrySet()) {
            long taken = Math.min(left, bucket.getValue());
            if (taken > 0) {
                some.counts.put(bucket.getKey(), taken);
                some.maximum = Math.max(some.maximum, bucket.getKey());
            }
            left -= taken;
        }
        return some;
    }

    void add(Buckets other) {
        other.counts.forEach((upTo, count) -> counts.merge(upTo, count, Long::sum));
        maximum = Math.max(maximum, other.maximum);
    }

    long count() {
        return counts.values().stream().mapToLong(Long::longValue).sum();
    }

    /** How many lie in buckets that end above this. */
    long countAbove(long duration) {
        return counts.tailMap(duration, false).values().stream()
                .mapToLong(Long::longValue)
                .sum();
    }

    /** In microseconds, of durations whose unit is so many nanoseconds. */
    Quantiles quantiles(double nanos) {
        return new Quantiles(
                count(),
                quantile(0.5) * nanos / 1e3,
                quantile(0.99) * nanos / 1e3,
                quantile(0.999) * nanos / 1e3,
                maximum * nanos / 1e3);
    }

    private double quantile(double share) {
        long rank = (long) Math.ceil(share * count());
        long seen = 0;
        for (Map.Entry<Long, Long> bucket : counts.entrySet()) {
            seen += bucket.getValue();
            if (seen >= rank) {
                return Math.min(bucket.getKey(), maximum);
            }
        }
        return Double.NaN;
    }
}
