// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.incoming;

import io.godwit.engine.outcome.GuestOwner;
import io.godwit.engine.outcome.MigrationStatus;
import java.util.Optional;

/**
 * Where an incoming migration stands.
 *
 * <pre>
 *   Setup -> Active -> Completed
 *   Setup, Active, PostcopyLoading, Colo -> Failed
 *   Active -> Colo -> Completed
 *
 *   Active -> PostcopyLoading -> PostcopyActive -> Completed
 *                                 |    ^   ^
 *                                 v    |   |
 *                       PostcopyPaused |   |
 *                          |     ^     |   |
 *                          v     |     |   |
 *                       PostcopyRecover ---+
 * </pre>
 *
 * Once the guest has been let run here it is ours, whatever happens to the connection: nothing fails any more, it only
 * waits.
 */
sealed interface IncomingState {
    /** Listening; no byte has come. */
    record Setup() implements IncomingState {}

    /** Memory and devices come in. */
    record Active() implements IncomingState {}

    /** Page faults are answered while the devices are loaded; the guest does not run yet. */
    record PostcopyLoading() implements IncomingState {}

    /** The guest is ours and runs while its memory comes in. */
    record PostcopyActive() implements IncomingState {}

    /** The guest is ours, a part of its memory is still at the source, and there is no connection. */
    record PostcopyPaused(String error) implements IncomingState {}

    /** The source is back; both sides agree on what is missing. */
    record PostcopyRecover() implements IncomingState {}

    /**
     * The guest stands by here; another host has the one that counts.
     *
     * @param error why this one does not take its place, when that host is lost
     */
    record Colo(Optional<String> error) implements IncomingState {}

    /** The guest is ours. */
    record Completed() implements IncomingState {}

    /** Ended by an error; the guest never ran here. */
    record Failed(String error, GuestOwner owner) implements IncomingState {}

    /** The public name's constant. */
    default MigrationStatus status() {
        return switch (this) {
            case Setup _ -> MigrationStatus.SETUP;
            case Active _ -> MigrationStatus.ACTIVE;
            case PostcopyLoading _, PostcopyActive _ -> MigrationStatus.POSTCOPY_ACTIVE;
            case PostcopyPaused _ -> MigrationStatus.POSTCOPY_PAUSED;
            case PostcopyRecover _ -> MigrationStatus.POSTCOPY_RECOVER;
            case Colo _ -> MigrationStatus.COLO;
            case Completed _ -> MigrationStatus.COMPLETED;
            case Failed _ -> MigrationStatus.FAILED;
        };
    }

    /** The transition function: whether {@code next} may follow this state. */
    default boolean mayBecome(IncomingState next) {
        return switch (this) {
            case Setup _ -> next instanceof Active || next instanceof Failed;
            case Active _ ->
                next instanceof Completed
                        || next instanceof PostcopyLoading
                        || next instanceof Colo
                        || next instanceof Failed;
            case Colo _ -> next instanceof Colo || next instanceof Completed || next instanceof Failed;
            case PostcopyLoading _ -> next instanceof PostcopyActive || next instanceof Failed;
            case PostcopyActive _ -> next instanceof Completed || next instanceof PostcopyPaused;
            case PostcopyPaused _ -> next instanceof PostcopyRecover || next instanceof PostcopyPaused;
            case PostcopyRecover _ -> next instanceof PostcopyActive || next instanceof PostcopyPaused;
            case Completed _, Failed _ -> false;
        };
    }

    /** Whether the guest has been taken over, so that its owner is this side. */
    default boolean hasGuest() {
        return switch (this) {
            case PostcopyActive _, PostcopyPaused _, PostcopyRecover _, Completed _ -> true;
            case Setup _, Active _, PostcopyLoading _, Colo _, Failed _ -> false;
        };
    }
}
