// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.testkit.simulation;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.testkit.simulation.Simulation.Kind;
import io.godwit.testkit.simulation.Simulation.Outcome;
import java.util.logging.Level;
import java.util.logging.Logger;

/**
 * The seeds of one run: {@code -Dsimulation.seed} chooses the first, {@code -Dsimulation.count} how many. A failure
 * names its seed, and comes again with it alone.
 */
final class Seeds {
    private static final long FIRST = Long.getLong("simulation.seed", 1);
    private static final int COUNT = Integer.getInteger("simulation.count", 1_000);

    // Kept, because a logger that nobody keeps forgets its level.
    private static final Logger LOGGER = Logger.getLogger("io.godwit");

    private final Kind kind;
    private int retried;
    private int recovered;

    Seeds(Kind kind) {
        this.kind = kind;
        // What a wire that is cut has to say would fill a screen a second.
        LOGGER.setLevel(Level.OFF);
    }

    /** Tells every story; each must end with one whole guest. */
    void tellAll() {
        System.out.println("simulation of " + kind + ": seeds " + FIRST + " to " + (FIRST + COUNT - 1)
                + " (-Dsimulation.seed, -Dsimulation.count)");
        long hash = 0;
        long steps = 0;
        for (int i = 0; i < COUNT; i++) {
            Outcome outcome = new Simulation(kind, FIRST + i).run();
            hash = 31 * hash + outcome.traceHash();
            steps += outcome.steps();
            retried += outcome.attempts() > 1 ? 1 : 0;
            recovered += outcome.recoveries() > 0 ? 1 : 0;
        }
        System.out.println("  " + steps + " steps; " + retried + " stories with more than one migration, " + recovered
                + " with a recovery; trace " + Long.toHexString(hash));
    }

    /** Stories in which the guest stayed where it was at first. */
    int retried() {
        return retried;
    }

    /** Stories in which postcopy lost its connection and went on over another. */
    int recovered() {
        return recovered;
    }

    /** Whether so many stories were told that something must have gone wrong in some of them. */
    boolean areMany() {
        return COUNT >= 100;
    }

    /** The same seed twice: every step at the same time by the same thread. */
    void tellTwice() {
        for (int i = 0; i < Math.min(COUNT, 20); i++) {
            Outcome once = new Simulation(kind, FIRST + i).explain();
            Outcome again = new Simulation(kind, FIRST + i).explain();
            assertThat(again.text()).as("the steps of seed %d", FIRST + i).isEqualTo(once.text());
            assertThat(again).as("the outcome of seed %d", FIRST + i).isEqualTo(once);
        }
    }
}
