// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.testkit.simulation;

import io.godwit.engine.guest.RunState;
import java.time.Duration;
import java.util.List;
import java.util.SplittableRandom;
import java.util.UUID;

/**
 * Hosts, a wire between them, and one guest: everything that a migration meets, made by one seed. Nothing in it looks
 * at the machine's clock, its scheduler or its random numbers, so that one seed is one story.
 */
public final class SimulatedWorld {
    /** LIMIT: of virtual time; a story that has not ended by then never will. */
    private static final Duration LONGEST_STORY = Duration.ofMinutes(10);

    private static final int FEWEST_PAGES = 64;
    private static final int MOST_PAGES = 256;

    private final SplittableRandom random;
    private final Trace trace;
    private final Baton baton;
    private final Tokens tokens;
    private final SimulatedNetwork network;
    private final GuestProgram program;
    private final UUID identity;
    private final long stepNanos;
    private int hosts;
    private int addresses;

    SimulatedWorld(long seed, boolean withText, Tokens tokens) {
        this.random = new SplittableRandom(seed);
        this.trace = new Trace(withText);
        this.baton = new Baton(random, trace, LONGEST_STORY);
        this.tokens = tokens;
        this.network = new SimulatedNetwork(baton, NetworkShape.choose(random));
        this.program = new GuestProgram(baton, tokens, random.nextInt(FEWEST_PAGES, MOST_PAGES + 1));
        this.identity = new UUID(random.nextLong(), random.nextLong());
        this.stepNanos = 50_000L << random.nextInt(6);
    }

    /** Tells a story, and waits until all of its threads have ended. */
    void tell(Runnable story) {
        baton.run("operator", story);
        network.close();
    }

    Baton baton() {
        return baton;
    }

    Tokens tokens() {
        return tokens;
    }

    SimulatedNetwork network() {
        return network;
    }

    SplittableRandom random() {
        return random;
    }

    GuestProgram program() {
        return program;
    }

    Trace trace() {
        return trace;
    }

    /** The host where the guest starts; it runs there. */
    SimulatedHost firstHost() {
        SimulatedHost host = newHost(RunState.PRELAUNCH);
        boolean _ = tokens.take(host.name());
        host.guest().fill();
        host.run().cont();
        return host;
    }

    /** A host that waits for the guest. */
    SimulatedHost nextHost() {
        return newHost(RunState.INMIGRATE);
    }

    private SimulatedHost newHost(RunState initial) {
        String name = "host-" + ++hosts;
        return new SimulatedHost(this, name, new SimulatedGuest(baton, name, program, identity, stepNanos), initial);
    }

    /** An address that nobody has listened at. */
    String newAddress() {
        return "unix:/simulated/" + ++addresses;
    }

    /** Lets the operator wait for about so long. */
    void pause(long nanos) {
        baton.spend(random.nextLong(1, 2 * nanos));
    }

    /** The guest must run at {@code host}, and only there, with everything that it ever wrote. */
    void expectGuestAt(SimulatedHost host) {
        long from = program.counter();
        for (int waits = 0; program.counter() == from; waits++) {
            if (waits > 1_000) {
                throw baton.end("the guest is lost: " + host.name() + " has it, but it does not run on");
            }
            pause(stepNanos);
        }
        if (!program.runners().equals(List.of(host.name()))) {
            throw baton.end("the guest should run at " + host.name() + " only, and runs at " + program.runners());
        }
        host.run().stop();
        host.guest().check();
    }
}
