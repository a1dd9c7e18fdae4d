// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.guest;

import io.godwit.engine.outcome.MigrationException;

/** Whether a guest may leave this host now. */
public final class Departure {
    private Departure() {}

    /**
     * The guest that may leave.
     *
     * @throws MigrationException.Refused if there is none here, or it may not; the sentence says why
     */
    public static Guest of(Arrival arrival, RunControl run) {
        Guest running = arrival.guest()
                .orElseThrow(() -> new MigrationException.Refused(
                        "This host only keeps the guest's memory and devices as bytes; it cannot send them on."));
        if (run.isUndecided()) {
            throw new MigrationException.Refused(
                    "Whether the destination of the last migration runs the guest is not known: look there"
                            + " first, then 'cont' here to keep it or 'quit' here to give it up.");
        }
        run.requireRight();
        switch (run.state()) {
            case RUNNING, PAUSED, PRELAUNCH -> {}
            case INMIGRATE -> throw new MigrationException.Refused("Guest is waiting for an incoming migration");
            case POSTMIGRATE ->
                throw new MigrationException.Refused(
                        "The guest has been migrated away; 'cont' first if it shall run here again.");
            case FINISH_MIGRATE, COLO, INTERNAL_ERROR, SHUTDOWN ->
                throw new MigrationException.Refused(
                        "The guest is " + run.state().publicName() + "; it cannot be migrated.");
        }
        return running;
    }
}
