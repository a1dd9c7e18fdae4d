// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.testkit.simulation;

/**
 * One story, told from its seed to its end: the guest of a simulated world is moved, whatever happens to the wire, and
 * must be at one host in the end, whole.
 *
 * <p>Threads: any, one simulation each; none shares anything with another.
 */
public final class Simulation {
    /** How the guest moves. */
    public enum Kind {
        /** Its memory goes before it. */
        PRECOPY,
        /** It goes before its memory. */
        POSTCOPY
    }

    /**
     * What came of it.
     *
     * @param traceHash of every step: the same seed gives the same
     * @param steps how many
     * @param attempts migrations that were begun
     * @param recoveries connections over which postcopy went on, or tried to
     * @param text all steps in words, if that was asked for
     */
    public record Outcome(long traceHash, long steps, int attempts, int recoveries, String text) {}

    private final Kind kind;
    private final long seed;

    /** A story that is not told yet. */
    public Simulation(Kind kind, long seed) {
        this.kind = kind;
        this.seed = seed;
    }

    /**
     * Tells it.
     *
     * @throws AssertionError if the guest is lost, runs twice, or has lost a page, or if somebody waits for ever; the
     *     message says how to see it again
     */
    public Outcome run() {
        return run(new Tokens(), false);
    }

    /** The same with the trace in words. */
    public Outcome explain() {
        return run(new Tokens(), true);
    }

    Outcome run(Tokens tokens, boolean withText) {
        SimulatedWorld world = new SimulatedWorld(seed, withText, tokens);
        Operator operator = new Operator(world);
        try {
            world.tell(() -> operator.move(kind == Kind.POSTCOPY));
        } catch (AssertionError e) {
            throw new AssertionError(
                    kind + ", seed " + seed + ": " + e.getMessage()
                            + (withText ? "\n" + world.trace().text() : ""),
                    e);
        }
        return new Outcome(
                world.trace().hash(),
                world.trace().steps(),
                operator.attempts(),
                operator.recoveries(),
                world.trace().text());
    }
}
