// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.testkit.simulation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.engine.environment.Latch;
import io.godwit.testkit.simulation.Simulation.Kind;
import java.time.Duration;
import java.util.SplittableRandom;
import java.util.stream.LongStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** What a simulation promises to find, it finds. */
class CheckerTest {
    @BeforeAll
    static void quiet() {
        Seeds _ = new Seeds(Kind.PRECOPY);
    }

    /** Gives the token to everybody who asks. */
    private static final class Generous extends Tokens {
        @Override
        boolean take(String host) {
            boolean _ = super.take(host);
            return true;
        }
    }

    @Test
    void aTokenThatIsGivenTwiceIsFound() {
        assertThat(LongStream.rangeClosed(1, 3000).anyMatch(seed -> isFound(Kind.PRECOPY, seed)))
                .as("one of 3,000 stories with an arbiter that grants twice")
                .isTrue();
    }

    private static boolean isFound(Kind kind, long seed) {
        try {
            Simulation.Outcome _ = new Simulation(kind, seed).run(new Generous(), false);
            return false;
        } catch (AssertionError e) {
            assertThat(e).hasMessageContaining("the guest").hasMessageContaining("seed " + seed);
            return true;
        }
    }

    @Test
    void aGuestThatRunsTwiceIsFound() {
        assertThatThrownBy(() -> tell(program -> {
                    program.begins("here", 0);
                    program.begins("there", 0);
                }))
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining("runs twice: at [here, there]");
    }

    @Test
    void aGuestThatRunsWithoutItsTokenIsFound() {
        assertThatThrownBy(() -> tell(program -> program.begins("there", 0)))
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining("here has its token");
    }

    @Test
    void anOldPageIsFound() {
        assertThatThrownBy(() -> tell(program -> {
                    long first = program.write(3);
                    long _ = program.write(3);
                    program.checkPage("here", 3, first, first);
                }))
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining("page 3 at here holds 1 and 1, but 2 was written there last");
    }

    @Test
    void aGuestThatGoesBackIsFound() {
        assertThatThrownBy(() -> tell(program -> {
                    long _ = program.write(0);
                    program.begins("here", 0);
                }))
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining("goes on at here with count 0, but it came to 1");
    }

    @Test
    void threadsThatWaitForEachOtherAreFound() {
        Baton baton = new Baton(new SplittableRandom(1), new Trace(false), Duration.ofSeconds(1));
        Latch never = new Latch(new SimulatedEnvironment(baton, "here"));

        assertThatThrownBy(() -> baton.run("waits", () -> {
                    try {
                        never.await();
                    } catch (InterruptedException e) {
                        throw new AssertionError(e);
                    }
                }))
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining("a deadlock")
                .hasMessageContaining("waits (waits for a condition)");
    }

    @Test
    void aStoryWithoutEndIsFound() {
        Baton baton = new Baton(new SplittableRandom(1), new Trace(false), Duration.ofSeconds(1));

        assertThatThrownBy(() -> baton.run("goes on", () -> {
                    while (true) {
                        baton.spend(1_000_000);
                    }
                }))
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining("no end after 1 s");
    }

    private interface Deed {
        void on(GuestProgram program);
    }

    private static void tell(Deed deed) {
        Baton baton = new Baton(new SplittableRandom(1), new Trace(false), Duration.ofSeconds(1));
        Tokens tokens = new Tokens();
        boolean _ = tokens.take("here");
        GuestProgram program = new GuestProgram(baton, tokens, 8);
        baton.run("test", () -> deed.on(program));
    }
}
