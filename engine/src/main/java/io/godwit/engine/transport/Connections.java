// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.transport;

/**
 * The connections to the other side of one migration: the source opens them ({@link OutgoingConnections}), the
 * destination waits for them ({@link Doorman}).
 *
 * <p>Threads: any; one for each role.
 */
public interface Connections {
    /** Where the other side is, or where it can come in; with the port that was chosen where none was asked for. */
    MigrationUri address();

    /** Whether there can be others than {@link ConnectionRole#MAIN}. */
    boolean takesMore();

    /**
     * The connection for a role: opened now, or waited for.
     *
     * @param abort ends the wait, and later the waits of the connection
     * @return a channel that belongs to the caller
     * @throws io.godwit.engine.outcome.MigrationException.Transport if there is none, or {@code abort} was raised
     * @throws IllegalStateException for a role that needs {@link #takesMore}
     */
    Channel open(ConnectionRole role, AbortSignal abort);
}
