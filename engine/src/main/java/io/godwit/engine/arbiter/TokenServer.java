// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.arbiter;

import java.time.Duration;
import java.util.Optional;
import java.util.UUID;

/**
 * Keeps tokens that end by themselves unless they are renewed, for {@link LeasedArbiter}. One instance is one host's
 * way to it, for one guest at a time.
 *
 * <p>Threads: one at a time. Each call ends within its limit, with {@link ArbiterException} if there was no answer:
 * nobody knows then whether it was carried out, and the same call again is harmless.
 */
public interface TokenServer extends AutoCloseable {
    /** What an attempt to take a token came to. */
    sealed interface Answer {
        /**
         * It is ours.
         *
         * @param lease how long it lasts, counted from when {@link #take} was called
         */
        record Taken(Duration lease, long fencingNumber, LastRun lastRun) implements Answer {}

        /**
         * Another host has it.
         *
         * @param left how long it lasts if its holder is dead, as far as is known
         */
        record Held(String holder, LastRun lastRun, Optional<Duration> left) implements Answer {}
    }

    /** How this host names itself in tokens and records; no other host has that name. */
    String self();

    /** How long a token lasts that is asked for now. */
    Duration lease();

    /** Takes the token of a guest if nobody has it; one that this host is said to have is taken anew. */
    Answer take(UUID guest, Duration limit);

    /** Makes the token last for its {@link #lease} from when this is called; false if this host has it no more. */
    boolean renew(Duration limit);

    /** Writes the record; false if this host has the token no more, and nothing was written. */
    boolean record(LastRun run, Duration limit);

    /** Gives the token back if this host has it. */
    void giveBack(Duration limit);

    /** Closes the way; a token that was not given back lasts until its end. */
    @Override
    void close();
}
