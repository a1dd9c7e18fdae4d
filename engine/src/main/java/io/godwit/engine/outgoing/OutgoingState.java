// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing;

import io.godwit.engine.GuestOwner;
import io.godwit.engine.MigrationStatus;

/**
 * Where an outgoing migration stands, with the data that only that state has.
 *
 * <pre>
 *   Setup -> Active -> Device -> Completed
 *              |   \-> PreSwitchover -> Device
 *   Setup, Active, PreSwitchover, Device -> Cancelling -> Cancelled
 *   Setup, Active, PreSwitchover, Device -> Failed
 *   Cancelling -> Failed, Completed     (the destination had the guest already)
 * </pre>
 */
sealed interface OutgoingState {
    /** Connecting, and announcing the guest. */
    record Setup() implements OutgoingState {}

    /** The guest runs; passes go over its memory. */
    record Active() implements OutgoingState {}

    /** The guest stands still until somebody says go on. */
    record PreSwitchover() implements OutgoingState {}

    /** The guest stands still; the rest is on its way. */
    record Device() implements OutgoingState {}

    /** The destination said that it runs the guest. */
    record Completed() implements OutgoingState {}

    /** Ended by an error. */
    record Failed(String error, GuestOwner owner) implements OutgoingState {}

    /** Unwinding because somebody asked for it. */
    record Cancelling() implements OutgoingState {}

    /** The guest is where it was. */
    record Cancelled() implements OutgoingState {}

    /** The public name's constant. */
    default MigrationStatus status() {
        return switch (this) {
            case Setup _ -> MigrationStatus.SETUP;
            case Active _ -> MigrationStatus.ACTIVE;
            case PreSwitchover _ -> MigrationStatus.PRE_SWITCHOVER;
            case Device _ -> MigrationStatus.DEVICE;
            case Completed _ -> MigrationStatus.COMPLETED;
            case Failed _ -> MigrationStatus.FAILED;
            case Cancelling _ -> MigrationStatus.CANCELLING;
            case Cancelled _ -> MigrationStatus.CANCELLED;
        };
    }

    /** The transition function: whether {@code next} may follow this state. */
    default boolean mayBecome(OutgoingState next) {
        return switch (this) {
            case Setup _ -> next instanceof Active || endsEarly(next);
            case Active _ -> next instanceof PreSwitchover || next instanceof Device || endsEarly(next);
            case PreSwitchover _ -> next instanceof Device || endsEarly(next);
            case Device _ -> next instanceof Completed || endsEarly(next);
            case Cancelling _ -> next instanceof Cancelled || next instanceof Failed || next instanceof Completed;
            case Completed _, Failed _, Cancelled _ -> false;
        };
    }

    private static boolean endsEarly(OutgoingState next) {
        return next instanceof Cancelling || next instanceof Failed;
    }
}
