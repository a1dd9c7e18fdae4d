// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.testkit.simulation;

import io.godwit.engine.Migrator;
import io.godwit.engine.guest.RunControl;
import io.godwit.engine.guest.RunState;

/** One host of the simulated world, with what the product would have there. */
final class SimulatedHost implements AutoCloseable {
    private final String name;
    private final SimulatedGuest guest;
    private final RunControl run;
    private final Migrator migrator;

    SimulatedHost(SimulatedWorld world, String name, SimulatedGuest guest, RunState initial) {
        this.name = name;
        this.guest = guest;
        SimulatedEnvironment environment = new SimulatedEnvironment(world.baton(), name);
        SimulatedArbiter arbiter = new SimulatedArbiter(world.baton(), world.tokens(), name);
        this.run = new RunControl(guest, arbiter, initial, environment);
        this.migrator = new Migrator(guest, run, world.network(), environment);
    }

    String name() {
        return name;
    }

    SimulatedGuest guest() {
        return guest;
    }

    RunControl run() {
        return run;
    }

    Migrator migrator() {
        return migrator;
    }

    @Override
    public void close() {
        migrator.close();
        run.shutdown();
        guest.close();
    }
}
