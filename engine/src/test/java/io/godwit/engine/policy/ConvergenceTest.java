// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.policy;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.engine.memory.RamBlock;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;

class ConvergenceTest {
    private static final long GIB_PER_SECOND = 1L << 30;

    @Test
    void aPassThatIsForeseenToGainNothingIsNotMade() {
        long rest = 1_000 * RamBlock.PAGE_BYTES;
        assertThat(new Convergence().isReached(rest, 100_000_000, 300, OptionalLong.of(800)))
                .isTrue();
        assertThat(new Convergence().isReached(rest, 100_000_000, 300, OptionalLong.of(700)))
                .isFalse();
        assertThat(new Convergence().isReached(rest, 100_000_000, 10, OptionalLong.of(1_000)))
                .as("more than the limit allows")
                .isFalse();
    }

    @Test
    void aGuestThatWroteNothingIsStoppedAtOnce() {
        assertThat(new Convergence().isReached(0, 0, 0)).isTrue();
    }

    @Test
    void aRestBeyondTheLimitGoesOn() {
        assertThat(new Convergence().isReached(1L << 30, GIB_PER_SECOND, 300)).isFalse();
    }

    @Test
    void anUnknownBandwidthGoesOn() {
        assertThat(new Convergence().isReached(1, 0, 300)).isFalse();
    }

    @Test
    void aRestWithinTheLimitIsPolishedAsLongAsItShrinks() {
        Convergence convergence = new Convergence();
        assertThat(convergence.isReached(64 << 20, GIB_PER_SECOND, 300)).isFalse();
        assertThat(convergence.isReached(5 << 20, GIB_PER_SECOND, 300)).isFalse();
        assertThat(convergence.isReached(100 << 10, GIB_PER_SECOND, 300)).isTrue();
    }

    @Test
    void aRestWithinTheLimitThatDoesNotShrinkIsTaken() {
        Convergence convergence = new Convergence();
        assertThat(convergence.isReached(64 << 20, GIB_PER_SECOND, 300)).isFalse();
        assertThat(convergence.isReached(60 << 20, GIB_PER_SECOND, 300)).isTrue();
    }

    @Test
    void polishingEnds() {
        Convergence convergence = new Convergence();
        long rest = 1L << 45;
        int passes = 0;
        while (!convergence.isReached(rest, 1L << 40, 2_000_000)) {
            rest = rest / 10 * 7;
            passes++;
        }
        assertThat(passes).isEqualTo(Convergence.MAX_POLISHING_PASSES);
    }
}
