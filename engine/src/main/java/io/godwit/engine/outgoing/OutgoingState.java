// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing;

import io.godwit.engine.outcome.GuestOwner;
import io.godwit.engine.outcome.MigrationStatus;
import java.util.Optional;

/**
 * Where an outgoing migration stands, with the data that only that state has.
 *
 * <pre>
 *   Setup -> Active -> Device -> Completed
 *              |   \-> PreSwitchover -> Device
 *   Setup, Active, PreSwitchover, Device -> Cancelling -> Cancelled
 *   Setup, Active, PreSwitchover, Device -> Failed
 *   Cancelling -> Failed, Completed     (the destination had the guest already)
 *
 *   Device -> Colo -> Alone
 *   Colo -> Cancelling, Failed
 *
 *   Device -> PostcopyActive -> Completed
 *               |   ^   \-> Failed        (the destination never began, or this side is ending)
 *               v   |
 *   PostcopyPaused  |                     all of them -> Failed (this side is ending)
 *     |  ^          |
 *     v  |          |
 *   PostcopyRecoverSetup -> PostcopyRecover -> PostcopyActive; both fall back to PostcopyPaused
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

    /** The destination has been told to run the guest; memory that it lacks follows. */
    record PostcopyActive() implements OutgoingState {}

    /**
     * The connection is lost. It waits for somebody to resume.
     *
     * @param error why, and what to do
     * @param owner {@link GuestOwner#PEER}, or {@link GuestOwner#UNDECIDED} if the destination may have begun
     */
    record PostcopyPaused(String error, GuestOwner owner) implements OutgoingState {}

    /** Connecting again. */
    record PostcopyRecoverSetup() implements OutgoingState {}

    /** Connected again; the destination says what it has. */
    record PostcopyRecover() implements OutgoingState {}

    /**
     * The guest runs here, and a secondary is kept up to it.
     *
     * @param error what somebody has to decide, once the secondary is lost
     */
    record Colo(Optional<String> error) implements OutgoingState {}

    /**
     * There was a secondary, and there is none any more; the guest is here.
     *
     * @param why what became of it
     */
    record Alone(String why) implements OutgoingState {}

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
            case PostcopyActive _ -> MigrationStatus.POSTCOPY_ACTIVE;
            case PostcopyPaused _ -> MigrationStatus.POSTCOPY_PAUSED;
            case PostcopyRecoverSetup _ -> MigrationStatus.POSTCOPY_RECOVER_SETUP;
            case PostcopyRecover _ -> MigrationStatus.POSTCOPY_RECOVER;
            case Colo _ -> MigrationStatus.COLO;
            case Completed _, Alone _ -> MigrationStatus.COMPLETED;
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
            case Device _ ->
                next instanceof Completed || next instanceof PostcopyActive || next instanceof Colo || endsEarly(next);
            case Colo _ -> next instanceof Colo || next instanceof Alone || endsEarly(next);
            case PostcopyActive _ ->
                next instanceof Completed || next instanceof PostcopyPaused || next instanceof Failed;
            case PostcopyPaused _ -> next instanceof PostcopyRecoverSetup || next instanceof Failed;
            case PostcopyRecoverSetup _ ->
                next instanceof PostcopyRecover || next instanceof PostcopyPaused || next instanceof Failed;
            case PostcopyRecover _ ->
                next instanceof PostcopyActive || next instanceof PostcopyPaused || next instanceof Failed;
            case Cancelling _ -> next instanceof Cancelled || next instanceof Failed || next instanceof Completed;
            case Completed _, Alone _, Failed _, Cancelled _ -> false;
        };
    }

    private static boolean endsEarly(OutgoingState next) {
        return next instanceof Cancelling || next instanceof Failed;
    }
}
