// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.forecast;

import java.util.function.DoubleUnaryOperator;

/**
 * A figure with its error bars. {@link Double#POSITIVE_INFINITY} stands for what never ends.
 *
 * @param low it is hardly less
 * @param best the most likely value
 * @param high it is hardly more
 */
public record Estimate(double low, double best, double high) {
    /** Checks the order. */
    public Estimate {
        if (!(low <= best && best <= high)) {
            throw new IllegalArgumentException(
                    "an estimate from " + low + " over " + best + " to " + high + " is none");
        }
    }

    /** What is known. */
    public static Estimate exactly(double value) {
        return new Estimate(value, value, value);
    }

    /** A measured figure that is not negative, give or take both errors. */
    public static Estimate measured(double value, double relativeError, double absoluteError) {
        double error = value * relativeError + absoluteError;
        return new Estimate(Math.max(0, value - error), value, value + error);
    }

    /** Around the second of three values, whichever of the others is the greater. */
    static Estimate around(double one, double best, double other) {
        return new Estimate(Math.min(best, Math.min(one, other)), best, Math.max(best, Math.max(one, other)));
    }

    /** The same in another unit: the function must not fall. */
    public Estimate map(DoubleUnaryOperator rising) {
        return new Estimate(rising.applyAsDouble(low), rising.applyAsDouble(best), rising.applyAsDouble(high));
    }

    /** Whether even the high end is an end. */
    public boolean isFinite() {
        return Double.isFinite(high);
    }
}
