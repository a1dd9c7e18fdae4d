// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.qemu.capture;

import io.godwit.engine.outcome.MigrationException;
import io.godwit.store.SnapshotName;
import java.util.Optional;

/**
 * What is to be said of a capture that did not end as it should: what happened, what the guest does, and what is in the
 * store.
 *
 * @param failure what went wrong first; empty if all of the guest has come, and was stored or could have been
 * @param stored whether the snapshot is whole
 */
record CaptureEnd(CapturePlan plan, SnapshotName name, Optional<RuntimeException> failure, boolean stored) {
    /** The source was brought to rest, its guest in this state. */
    CaptureException failed(RuntimeException failure, String state) {
        return new CaptureException(sentence(failure) + doing(state) + " " + kept(), failure);
    }

    /** The guest was to be given away for its snapshot, which is whole; its QEMU has not done that. */
    CaptureException notGivenAway(String state) {
        return new CaptureException("The snapshot " + name + " is whole, but "
                + (state.equals("running")
                        ? "the guest has gone on at its QEMU"
                        : "the guest is " + state + " at its QEMU, which has not given it away")
                + "; it was not ended.");
    }

    /**
     * The source could not be brought to rest.
     *
     * @param state the guest's, if its QEMU still tells it
     * @param left settings that were not put back, by name; empty if all were
     */
    CaptureException unsettled(RuntimeException why, Optional<String> state, String left) {
        return new CaptureException(
                failure.map(this::sentence).orElse("All of the guest at " + plan.source() + " was received. ")
                        + "Then its QEMU did not do what it was asked: "
                        + MigrationException.withFullStop(MigrationException.sentence(why)) + " "
                        + state.map(CaptureEnd::doing).orElseGet(this::doingUnseen)
                        + (left.isEmpty()
                                ? ""
                                : " These settings there may not be as they were: " + left
                                        + ". The next capture puts them back.")
                        + " " + kept(),
                failure.orElse(why));
    }

    private String sentence(RuntimeException e) {
        return "The capture of " + plan.source() + " failed: "
                + MigrationException.withFullStop(MigrationException.sentence(e)) + " ";
    }

    private String kept() {
        return stored ? "The snapshot " + name + " is whole." : "There is no snapshot of it.";
    }

    private static String doing(String state) {
        return switch (state) {
            case "running" -> "The guest runs on at its QEMU.";
            case "postmigrate" -> "The guest stands still at its QEMU until 'cont'.";
            default -> "The guest is " + state + " at its QEMU.";
        };
    }

    private String doingUnseen() {
        return stored && plan.afterwards() != Afterwards.KEEP_RUNNING
                ? "Its guest stands still until 'cont', or has gone on by itself: ask its QEMU with query-status."
                : "If it lives, its guest goes on by itself.";
    }
}
