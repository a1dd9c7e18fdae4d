// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing.precopy;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** How soon a pass is synchronised in the background. All in ms. */
class SyncIntervalTest {
    private static long millis(long parameter, long cost, boolean hurry) {
        return SyncInterval.nanos(parameter * 1_000_000, cost * 1_000_000, hurry) / 1_000_000;
    }

    @ParameterizedTest
    @CsvSource({
        // parameter, cost, interval
        "5000, 0, 500",
        "5000, 5, 500",
        "5000, 10, 1000",
        "5000, 50, 5000",
        "1000, 0, 200",
        "300, 0, 200",
        "100, 0, 100",
    })
    void cheapSyncsComeSoonerInAHurryDownToATenthOr200(long parameter, long cost, long interval) {
        assertThat(millis(parameter, cost, true)).isEqualTo(interval);
    }

    @ParameterizedTest
    @CsvSource({"5000, 0", "5000, 50", "100, 1", "1000, 20"})
    void withoutHurryTheParameterHolds(long parameter, long cost) {
        assertThat(millis(parameter, cost, false)).isEqualTo(parameter);
    }

    @ParameterizedTest
    @CsvSource({"5000, 101, 5050", "5000, 1000, 50000", "10, 1, 50"})
    void dearSyncsTakeNoMoreThanAFiftiethWhateverTheHurry(long parameter, long cost, long interval) {
        assertThat(millis(parameter, cost, false)).isEqualTo(interval);
        assertThat(millis(parameter, cost, true)).isEqualTo(interval);
    }

    @Test
    void neverIsNever() {
        assertThat(millis(0, 0, true)).isZero();
        assertThat(millis(0, 1000, false)).isZero();
    }
}
