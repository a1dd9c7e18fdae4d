// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.data.Percentage.withPercentage;

import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class LatencyHistogramTest {
    private static final double RESOLUTION_PERCENT = 7;

    @Test
    void percentilesAreThoseOfTheSortedValuesWithinABucket() {
        long seed = 20_261_121;
        SplittableRandom random = new SplittableRandom(seed);
        long[] values = random.longs(10_000, 1, 5_000_000).toArray();
        LatencyHistogram histogram = new LatencyHistogram();
        Arrays.stream(values).forEach(histogram::record);
        Arrays.sort(values);
        LatencyHistogram.Snapshot snapshot = histogram.snapshot();
        for (double percent : new double[] {0.5, 10, 50, 90, 99, 99.9, 100}) {
            long exact = values[(int) Math.ceil(values.length * percent / 100) - 1];
            assertThat((double) snapshot.percentileNanos(percent))
                    .as("percentile %s with seed %d", percent, seed)
                    .isCloseTo((double) exact, withPercentage(RESOLUTION_PERCENT));
        }
        assertThat(snapshot.count()).isEqualTo(values.length);
        assertThat(snapshot.maxNanos()).isEqualTo(values[values.length - 1]);
        assertThat(snapshot.sumNanos()).isEqualTo(Arrays.stream(values).sum());
    }

    @Test
    void anythingFromNegativeToTheLongestLongIsCounted() {
        LatencyHistogram histogram = new LatencyHistogram();
        histogram.record(-5);
        histogram.record(0);
        histogram.record(15);
        histogram.record(16);
        histogram.record(Long.MAX_VALUE - 31);
        assertThat(histogram.snapshot().count()).isEqualTo(5);
        assertThat(histogram.snapshot().percentileNanos(40)).isZero();
        assertThat(histogram.snapshot().percentileNanos(60)).isEqualTo(15);
        assertThat(histogram.snapshot().percentileNanos(80)).isEqualTo(16);
        assertThat(histogram.snapshot().percentileNanos(100)).isEqualTo(Long.MAX_VALUE - 31);
    }

    @Test
    void nothingCountedIsZeroEverywhere() {
        assertThat(LatencyHistogram.Snapshot.EMPTY.percentileNanos(99)).isZero();
        assertThat(LatencyHistogram.Snapshot.EMPTY.meanNanos()).isZero();
    }

    @Test
    void doublingsBeginAtAMicrosecond() {
        LatencyHistogram histogram = new LatencyHistogram();
        histogram.record(300);
        histogram.record(1_500);
        histogram.record(3_000);
        histogram.record(900_000_000_000L);
        assertThat(histogram.snapshot().doublingsOfMicros(4)).containsExactly(2, 1, 0, 1);
    }
}
