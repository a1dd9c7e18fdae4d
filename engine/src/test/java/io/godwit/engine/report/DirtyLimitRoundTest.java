// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.report;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class DirtyLimitRoundTest {
    private static final long SECOND = 1_000_000_000;

    @Test
    void aRoundIsTheTimeInWhichAVcpuFillsItsRing() {
        DirtyLimitRound round = DirtyLimitRound.of(SECOND, new long[] {40_960, 0}, new int[] {0, 0}, new int[] {75, 0});
        assertThat(round.throttleMicros())
                .as("after each 100 ms it loses three times as much")
                .isEqualTo(300_000);
        assertThat(round.ringFullMicros()).as("of both on average").isEqualTo(200_000);
    }

    @Test
    void whoHasLostTimeAlreadyFillsItFasterThanItSeems() {
        DirtyLimitRound round = DirtyLimitRound.of(SECOND, new long[] {40_960}, new int[] {50}, new int[] {50});
        assertThat(round).isEqualTo(new DirtyLimitRound(50_000, 100_000));
    }

    @Test
    void whoDirtiesNothingFillsNothing() {
        assertThat(DirtyLimitRound.of(SECOND, new long[2], new int[] {99, 0}, new int[2]))
                .isEqualTo(new DirtyLimitRound(0, 0));
        assertThat(DirtyLimitRound.of(SECOND, new long[0], new int[0], new int[0]))
                .isEqualTo(new DirtyLimitRound(0, 0));
    }
}
