// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.arbiter;

import java.time.Duration;
import java.util.Optional;
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
        /** The token is ours. {@code lastRun} is what the record says, which this host may have written itself. */
        record Won(LastRun lastRun) implements Claim {}

        /**
         * Another host has it: {@code holder} says which, as far as is known; {@code lastRun} is what the record says.
         */
        record Lost(String holder, LastRun lastRun) implements Claim {}
    }

    /**
     * Tries to take the token of {@code guest} until {@code patience} has passed. Taking a token that is held already
     * succeeds at once. Where a token outlives its holder for a while, a patience above zero is stretched to that
     * while: so it is lost only to a holder that lives.
     *
     * @throws ArbiterException if the arbiter itself does not work (a directory that cannot be written, say): nobody
     * has the token then
     */
    Claim claim(UUID guest, Duration patience);

    /**
     * Writes down that this host is about to let the guest run, or lets it run under another protection than before.
     * Only with the token held. When this returns, who wins the token next reads it.
     *
     * @throws ArbiterException if it could not be written, or nobody knows whether it was
     */
    void recordRun(Optional<UUID> protection);

    /**
     * The number of this claim, or of the last one while the token is not held. It is larger than that of each earlier
     * claim of this guest by any host, so who has seen a larger one knows that this host is outdated. 0 before the
     * first claim, and where nothing counts. Any thread.
     */
    long fencingNumber();

    /**
     * From now on {@code lost} is called each time the token could not be kept, before anybody else can have it: on a
     * thread of the arbiter, which does nothing for this guest until it returns. {@link #held} is false then. Only one
     * listens. An arbiter that loses no token never calls it.
     */
    void watchLoss(Runnable lost);

    /** Gives the token back. Without the token this does nothing. */
    void release();

    /** Whether this host has the token. Any thread. */
    boolean held();

    /** How the record names this host. */
    String self();

    /** Releases what is held. */
    @Override
    void close();
}
