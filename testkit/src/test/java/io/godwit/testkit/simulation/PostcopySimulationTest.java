// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.testkit.simulation;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.testkit.simulation.Simulation.Kind;
import org.junit.jupiter.api.Test;

/** Postcopy with cuts and recoveries, in virtual time: one guest, whole, whatever happens. */
class PostcopySimulationTest {
    @Test
    void theSameSeedIsTheSameStory() {
        new Seeds(Kind.POSTCOPY).tellTwice();
    }

    @Test
    void noGuestIsLostAndNoneIsDoubled() {
        Seeds seeds = new Seeds(Kind.POSTCOPY);
        seeds.tellAll();
        if (seeds.areMany()) {
            assertThat(seeds.retried())
                    .as("stories in which a migration failed")
                    .isPositive();
            assertThat(seeds.recovered()).as("stories with a recovery").isPositive();
        }
    }
}
