// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outcome;

import java.util.Optional;

/**
 * A migration that could not be started or did not come to its end. The message says what and where, with the numbers.
 */
public sealed class MigrationException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    MigrationException(String message, Optional<Throwable> cause) {
        super(message, cause.orElse(null));
    }

    /** Why something ended: the message of an exception that explains itself, and what it is if it does not. */
    public static String sentence(Throwable cause) {
        return cause.getMessage() == null || cause instanceof Error ? cause.toString() : cause.getMessage();
    }

    /** What others say may or may not end as a sentence does: here it does, so that another one can follow. */
    public static String withFullStop(String sentence) {
        return sentence.endsWith(".") ? sentence : sentence + ".";
    }

    /** The wire between the two sides failed: connecting, reading, writing, a deadline. */
    public static final class Transport extends MigrationException {
        private static final long serialVersionUID = 1L;

        /** With what was being done. */
        public Transport(String message) {
            super(message, Optional.empty());
        }

        /** With what was being done, and the system call that failed. */
        public Transport(String message, Throwable cause) {
            super(message, Optional.of(cause));
        }
    }

    /** The other side said something that the protocol does not allow, or that does not fit this guest. */
    public static final class Protocol extends MigrationException {
        private static final long serialVersionUID = 1L;

        /** With what was found and where. */
        public Protocol(String message) {
            super(message, Optional.empty());
        }

        /** With what was found and where. */
        public Protocol(String message, Throwable cause) {
            super(message, Optional.of(cause));
        }
    }

    /** The guest or its host could not do its part: a vCPU that does not stop, a device that refuses its state. */
    public static final class Machine extends MigrationException {
        private static final long serialVersionUID = 1L;

        /** With what the machine could not do. */
        public Machine(String message) {
            super(message, Optional.empty());
        }

        /** With what the machine could not do. */
        public Machine(String message, Throwable cause) {
            super(message, Optional.of(cause));
        }
    }

    /** The right to run could not be had. */
    public static final class RightToRun extends MigrationException {
        private static final long serialVersionUID = 1L;

        /** With who holds it, as far as is known. */
        public RightToRun(String message) {
            super(message, Optional.empty());
        }
    }

    /** What was asked for is not possible now, or not with these settings; nothing was begun. */
    public static final class Refused extends MigrationException {
        private static final long serialVersionUID = 1L;

        /** With what to do instead. */
        public Refused(String message) {
            super(message, Optional.empty());
        }

        /** A cancel that comes when the destination has the guest; either side says so. */
        public static Refused cancelInPostcopy() {
            return new Refused("Postcopy has begun: the guest lives at the destination, so there is"
                    + " nothing to cancel. 'migrate-pause' cuts the connection.");
        }

        /** A failover where there is nothing to fail over from; either side says so. */
        public static Refused noFailover(MigrationStatus status) {
            return new Refused("x-colo-lost-heartbeat is possible in state 'colo' only; this migration is '"
                    + status.publicName() + "'.");
        }

        /** A failover that was asked for before; either side says so. */
        public static Refused failoverAskedBefore() {
            return new Refused("A failover was asked for already; query-colo-status says how it is.");
        }

        /** With what to do instead, and what showed that it is not possible. */
        public Refused(String message, Throwable cause) {
            super(message, Optional.of(cause));
        }
    }

    /** Somebody cancelled it. */
    public static final class Cancelled extends MigrationException {
        private static final long serialVersionUID = 1L;

        /** No more to say. */
        public Cancelled() {
            super("the migration was cancelled", Optional.empty());
        }
    }
}
