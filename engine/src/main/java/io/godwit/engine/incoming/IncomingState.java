// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.incoming;

import io.godwit.engine.GuestOwner;
import io.godwit.engine.MigrationStatus;

/**
 * Where an incoming migration stands.
 *
 * <pre>
 *   Setup -> Active -> Completed
 *   Setup, Active -> Failed
 * </pre>
 */
sealed interface IncomingState {
    /** Listening; no byte has come. */
    record Setup() implements IncomingState {}

    /** Memory and devices come in. */
    record Active() implements IncomingState {}

    /** The guest is ours. */
    record Completed() implements IncomingState {}

    /** Ended by an error; the guest never ran here. */
    record Failed(String error, GuestOwner owner) implements IncomingState {}

    /** The public name's constant. */
    default MigrationStatus status() {
        return switch (this) {
            case Setup _ -> MigrationStatus.SETUP;
            case Active _ -> MigrationStatus.ACTIVE;
            case Completed _ -> MigrationStatus.COMPLETED;
            case Failed _ -> MigrationStatus.FAILED;
        };
    }

    /** The transition function: whether {@code next} may follow this state. */
    default boolean mayBecome(IncomingState next) {
        return switch (this) {
            case Setup _ -> next instanceof Active || next instanceof Failed;
            case Active _ -> next instanceof Completed || next instanceof Failed;
            case Completed _, Failed _ -> false;
        };
    }
}
