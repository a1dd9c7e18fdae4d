// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.testkit.simulation;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.testkit.simulation.Simulation.Kind;
import org.junit.jupiter.api.Test;

/** Precopy over wires that break and stall, in virtual time: one guest, whole, whatever happens. */
class PrecopySimulationTest {
    @Test
    void theSameSeedIsTheSameStory() {
        new Seeds(Kind.PRECOPY).tellTwice();
    }

    @Test
    void noGuestIsLostAndNoneIsDoubled() {
        Seeds seeds = new Seeds(Kind.PRECOPY);
        seeds.tellAll();
        if (seeds.areMany()) {
            assertThat(seeds.retried())
                    .as("stories in which a migration failed")
                    .isPositive();
        }
    }
}
