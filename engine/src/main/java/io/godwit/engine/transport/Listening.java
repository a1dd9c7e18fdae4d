// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.transport;

/** A destination that waits for its source. */
public interface Listening extends AutoCloseable {
    /** Where a source can reach it; with the port that was chosen where none was asked for. */
    MigrationUri address();

    /**
     * Waits for the source, without a limit: {@link AbortSignal} ends it.
     *
     * @throws io.godwit.engine.outcome.MigrationException.Transport if the wait was ended
     */
    Channel accept();

    /** Whether connections can come here, more than one too; else there is one that is there already. */
    boolean takesMore();

    /**
     * Waits for a connection, while others live; {@code stop} ends the wait, and later those of the connection.
     *
     * @throws io.godwit.engine.outcome.MigrationException.Transport if the wait was ended
     * @throws IllegalStateException unless {@link #takesMore}
     */
    Channel acceptFurther(AbortSignal stop);

    /** Stops listening and removes what the address left in the file system. */
    @Override
    void close();
}
