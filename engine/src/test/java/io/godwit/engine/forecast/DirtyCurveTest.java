// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.forecast;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.function.DoubleUnaryOperator;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

class DirtyCurveTest {
    private static final long TOTAL = 262_144;
    private static final long MILLI = 1_000_000;

    /** A curve through the exact values of a function of seconds. */
    static DirtyCurve through(DoubleUnaryOperator pages, long... millis) {
        List<DirtyCurve.Point> points = LongStream.of(millis)
                .mapToObj(ms -> new DirtyCurve.Point(ms * MILLI, Estimate.exactly(pages.applyAsDouble(ms / 1e3))))
                .toList();
        return DirtyCurve.of(points, TOTAL);
    }

    private static DoubleUnaryOperator sweep(double set, double rate) {
        return seconds -> Math.min(set, rate * seconds);
    }

    private static DoubleUnaryOperator random(double set, double rate) {
        return seconds -> set * -Math.expm1(-rate * seconds / set);
    }

    @Test
    void aSweepIsBracketedEverywhere() {
        assertBracketed(sweep(16_384, 20_000), 8_000);
        assertBracketed(sweep(16_384, 200_000), 8_000);
    }

    @Test
    void randomWritesAreBracketedEverywhere() {
        assertBracketed(random(16_384, 20_000), 8_000);
        assertBracketed(random(100_000, 5_000), 8_000);
    }

    private static void assertBracketed(DoubleUnaryOperator truth, long upToMillis) {
        DirtyCurve curve = through(truth, 10, 20, 50, 100, 200, 500, 1000, 3000);
        for (long ms = 1; ms < upToMillis; ms += 7) {
            double pages = truth.applyAsDouble(ms / 1e3);
            Estimate estimate = curve.uniquePages(ms * 1e6);
            assertThat(pages).as("%d ms: %s", ms, estimate).isBetween(estimate.low() - 1, estimate.high() + 1);
            if (ms <= 3000) {
                assertThat(estimate.best()).as("%d ms", ms).isCloseTo(pages, within(0.2 * pages + 50));
            }
        }
    }

    @Test
    void aWorkingSetThatWasSeenWholeGrowsNoMore() {
        DirtyCurve curve = through(sweep(16_384, 20_000), 100, 500, 1000, 2000);
        assertThat(curve.uniquePages(60e9)).isEqualTo(Estimate.exactly(16_384));
        assertThat(curve.workingSet()).isEqualTo(Estimate.exactly(16_384));
    }

    @Test
    void oneThatWasNotIsBetweenWhatWasSeenAndAllThere() {
        DirtyCurve curve = through(sweep(200_000, 20_000), 100, 500, 1000);
        assertThat(curve.uniquePages(2e9)).isEqualTo(new Estimate(20_000, 40_000, 40_000));
        assertThat(curve.uniquePages(60e9)).isEqualTo(new Estimate(20_000, 262_144, 262_144));
    }

    @Test
    void aBendSeenInTimeTellsTheWorkingSet() {
        DirtyCurve curve = through(random(16_384, 10_000), 100, 200, 500, 1000, 2000, 4000);
        assertThat(curve.uniquePages(60e9).best()).isCloseTo(16_384, within(1_600.0));
    }

    @Test
    void bothEndsAndTheMiddleRise() {
        DirtyCurve curve = DirtyCurve.of(
                List.of(
                        new DirtyCurve.Point(50 * MILLI, new Estimate(90, 120, 200)),
                        new DirtyCurve.Point(50 * MILLI, new Estimate(10, 40, 90)),
                        new DirtyCurve.Point(200 * MILLI, new Estimate(300, 310, 320)),
                        new DirtyCurve.Point(1000 * MILLI, new Estimate(250, 290, 330))),
                TOTAL);
        Estimate before = Estimate.exactly(0);
        for (long ms = 0; ms < 5000; ms += 3) {
            Estimate now = curve.uniquePages(ms * 1e6);
            assertThat(now.low()).as("low at %d ms", ms).isGreaterThanOrEqualTo(before.low() - 1e-6);
            assertThat(now.best()).as("best at %d ms", ms).isGreaterThanOrEqualTo(before.best() - 1e-6);
            assertThat(now.high()).as("high at %d ms", ms).isGreaterThanOrEqualTo(before.high() - 1e-6);
            before = now;
        }
    }

    @Test
    void aThrottledGuestsTimeGoesSlower() {
        DirtyCurve curve = through(random(16_384, 20_000), 10, 100, 500, 1000);
        DirtyCurve throttled = curve.scaled(0.75);
        assertThat(throttled.uniquePages(2e9)).isEqualTo(curve.uniquePages(0.5e9));
        assertThat(throttled.scaled(0.5).uniquePages(2e9)).isEqualTo(curve.uniquePages(0.25e9));
        assertThat(curve.scaled(1).uniquePages(1e12)).isEqualTo(Estimate.exactly(0));
        assertThatThrownBy(() -> curve.scaled(1.5)).hasMessageContaining("1.5");
    }

    @Test
    void nothingMeasuredIsNoCurve() {
        assertThatThrownBy(() -> DirtyCurve.of(List.of(), TOTAL)).hasMessageContaining("at least one");
    }
}
