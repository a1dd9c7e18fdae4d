// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.bench.moves;

import java.util.Arrays;
import java.util.Locale;

/** Measurements of one thing, in the order in which they were taken. */
final class Series {
    private final String name;
    private final String unit;
    private double[] values = new double[0];

    Series(String name, String unit) {
        this.name = name;
        this.unit = unit;
    }

    void add(double value) {
        values = Arrays.copyOf(values, values.length + 1);
        values[values.length - 1] = value;
    }

    int count() {
        return values.length;
    }

    /** What was added last. */
    double last() {
        return values[values.length - 1];
    }

    double median() {
        return quantile(0.5);
    }

    /** The smallest value that is not below {@code share} of all; NaN without values. */
    double quantile(double share) {
        if (values.length == 0) {
            return Double.NaN;
        }
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        if (share == 0.5 && sorted.length % 2 == 0) {
            return (sorted[sorted.length / 2 - 1] + sorted[sorted.length / 2]) / 2;
        }
        return sorted[Math.clamp((long) Math.ceil(share * sorted.length) - 1, 0, sorted.length - 1)];
    }

    @Override
    public String toString() {
        return String.format(
                Locale.ROOT,
                "%-44s median %9.3f %s (n %d, min %.3f, max %.3f)",
                name,
                median(),
                unit,
                values.length,
                quantile(0),
                quantile(1));
    }
}
