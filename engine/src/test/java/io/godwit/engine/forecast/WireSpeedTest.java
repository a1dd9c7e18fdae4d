// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.forecast;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class WireSpeedTest {
    private static final long SECOND = 1_000_000_000;
    private static final long PAGES = 24_000;

    private final WireSpeed wire = new WireSpeed();

    private long bytesPerSecond() {
        return wire.link(0).orElseThrow().bytesPerSecond();
    }

    /** To look at so many takes about as long as the whole, which leaves no time for the others. */
    @Test
    void aTimeOfZeroPagesSaysNothingOfTheWire() {
        assertThat(wire.sent(SECOND, 0, 300, 7_000_000)).isFalse();
        assertThat(wire.link(0)).isEmpty();
        assertThat(wire.sent(SECOND, 0, PAGES, 0)).isTrue();
        assertThat(bytesPerSecond()).isBetween(90_000_000L, 110_000_000L);
    }

    @Test
    void aShortTimeCountsLittle() {
        assertThat(wire.sent(SECOND, 0, PAGES, 0)).isTrue();
        long before = bytesPerSecond();
        assertThat(wire.sent(SECOND / 100, 0, 256 / 10 + 256, 0)).isTrue();
        assertThat((double) bytesPerSecond()).isBetween(0.9 * before, 1.1 * before);
    }

    @Test
    void morePausesThanTimeAreNotAnInfiniteWire() {
        assertThat(wire.sent(SECOND, 2 * SECOND, PAGES, 0)).isTrue();
        assertThat(wire.link(0).orElseThrow().wireBytesPerSecond()).isLessThan(5L * 100_000_000);
    }
}
