// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing;

import io.godwit.engine.agreement.Extension;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.outgoing.plan.OutgoingPlan;
import io.godwit.engine.outgoing.wire.OutgoingWire;
import io.godwit.engine.outgoing.wire.ReturnPath;
import io.godwit.engine.settings.MigrationParameter;
import java.util.Optional;

/** What this side asks the destination before the first page; without answers nothing is agreed. */
final class Questions {
    private final OutgoingPlan plan;
    private final String peer;
    private final OutgoingWire wire;
    private final Optional<ReturnPath> returnPath;
    private final boolean guestIsNamed;

    /**
     * For one connection.
     *
     * @param peer the destination, for messages
     * @param guestIsNamed whether the stream says who the guest is
     */
    Questions(
            OutgoingPlan plan, String peer, OutgoingWire wire, Optional<ReturnPath> returnPath, boolean guestIsNamed) {
        this.plan = plan;
        this.peer = peer;
        this.wire = wire;
        this.returnPath = returnPath;
        this.guestIsNamed = guestIsNamed;
    }

    /** A token is named after the guest: a destination that was not told who the guest is takes another one. */
    boolean sharesToken() {
        return guestIsNamed && returnPath.isPresent() && returnPath.get().peer().agreed(Extension.TOKEN);
    }

    /**
     * A destination that counts pages must have said that some may be left out; QEMU does not count, and without
     * answers nobody does.
     */
    boolean takesHoles() {
        return returnPath.isEmpty()
                || agrees(Extension.HOLES)
                || !returnPath.get().peer().isGodwit();
    }

    /** Whether it follows when blocks come and go. */
    boolean followsRam() {
        return returnPath.isPresent() && agrees(Extension.PLUG);
    }

    /** Nothing is begun that would not be what was asked for. */
    void askForSafety() {
        if (!agrees(Extension.SAFETY) || !sharesToken()) {
            throw new MigrationException.Refused("'postcopy-safe' needs a Godwit at " + peer
                    + (sharesToken()
                            ? " that can hold back what the guest puts out and track what it writes while its memory "
                                    + "arrives"
                            : " that shares the token of this guest, by which it is known whether it lives")
                    + "; this destination does not. Switch 'postcopy-safe' off, or use another destination");
        }
    }

    /** A Godwit may compare; any other secondary gets checkpoints only. */
    void askForComparison() {
        boolean periodic = plan.parameters().get().isOn(MigrationParameter.COLO_PERIODIC);
        if (returnPath.isEmpty()) {
            return;
        }
        if (agrees(Extension.COMPARE) && periodic && !agrees(Extension.STANDSTILL)) {
            throw new MigrationException.Refused("'x-colo-periodic' needs a secondary whose guest can stand still; "
                    + peer + " has none. Switch it off");
        }
        if (returnPath.get().peer().isGodwit()) {
            // Whatever it says is followed.
            boolean _ = agrees(Extension.WRITTEN);
        }
    }

    /** Asks, and waits for the answer. */
    private boolean agrees(Extension extension) {
        ReturnPath answers = returnPath.orElseThrow();
        wire.command(extension.ask());
        answers.awaitPong(extension.question(), plan.parameters().get().connectTimeoutMillis() * 1_000_000);
        return answers.peer().agreed(extension);
    }
}
