// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.transport;

import java.util.List;
import java.util.Optional;

/**
 * An address where connections come in, or one channel that is there already. The {@link Doorman} uses it.
 *
 * <p>Threads: one, that of the doorman; {@link #wake} any.
 */
public interface Listening extends AutoCloseable {
    /** Where a source can reach it; with the port that was chosen where none was asked for. */
    MigrationUri address();

    /** Whether connections can come here, more than one too; else there is one that is there already. */
    boolean takesMore();

    /**
     * The next connection, if one is there; never waits. The channel has an abort signal of its own.
     *
     * @throws io.godwit.engine.outcome.MigrationException.Transport if this process can have no more descriptors, say;
     *     later it may work again
     */
    Optional<Channel> accept();

    /**
     * Waits until a connection can be accepted, one of {@code waiting} has something to read (its end too), or {@link
     * #wake} is called.
     *
     * @param accepting whether a connection that can be accepted ends the wait
     * @param waiting channels that were accepted here
     * @param timeoutNanos as for {@link Channel#read(io.godwit.linux.memory.NativeMemory, long, int, long)}
     */
    void await(boolean accepting, List<Channel> waiting, long timeoutNanos);

    /** Ends the wait that there is, or else the next one. */
    void wake();

    /** Stops listening and removes what the address left in the file system. */
    @Override
    void close();
}
