// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.arbiter;

import java.time.Duration;
import java.util.UUID;

/**
 * Gives the right to run a guest to at most one host at a time. One instance belongs to one host and to one guest; it
 * may hold the token or not.
 *
 * <p>Threads: calls are serialised by the caller ({@code RunControl}).
 */
public interface Arbiter extends AutoCloseable {
    /** What an attempt to take the token came to. */
    sealed interface Claim {
        /**
         * The token is ours. {@code lastRun} is the host that last ran the guest, as it left its name; empty if none
         * did.
         */
        record Won(String lastRun) implements Claim {}

        /** Another host has it: {@code holder} says which, as far as is known. */
        record Lost(String holder) implements Claim {}
    }

    /**
     * Tries to take the token of {@code guest} until {@code patience} has passed. Taking a token that is held already
     * succeeds at once.
     *
     * @throws ArbiterException if the arbiter itself does not work (a directory that cannot be written, say): nobody
     * has the token then
     */
    Claim claim(UUID guest, Duration patience);

    /** Writes down that this host is about to let the guest run. Only with the token held. */
    void recordRun();

    /** Gives the token back. Without the token this does nothing. */
    void release();

    /** Whether this host has the token. */
    boolean held();

    /** How the record of {@link #recordRun} names this host. */
    String self();

    /** Releases what is held. */
    @Override
    void close();
}
