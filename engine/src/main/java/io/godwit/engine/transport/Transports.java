// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.transport;

import io.godwit.engine.outcome.MigrationException;
import java.time.Duration;

/**
 * Opens channels: the source connects, the destination listens. The engine's port to the wire; {@link SystemTransports}
 * is the kernel's.
 *
 * <p>Threads: any.
 */
public interface Transports {
    /**
     * Reads a URI. Waits for nothing; one that passes may still fail when it is opened.
     *
     * @throws MigrationException.Refused if it is none, or nothing can be opened there, saying why
     */
    MigrationUri usable(String uri);

    /**
     * Opens the way to a destination.
     *
     * @param patience how long connecting may take, and how long a destination may take no byte at all
     * @throws MigrationException.Transport if that does not work, or {@code abort} was raised
     */
    Channel connect(MigrationUri uri, Duration patience, AbortSignal abort);

    /**
     * Makes ready to take a migration in.
     *
     * @param patience how long it may take to find out what a name stands for, and how long a peer may take no byte
     * @param abort ends the wait for a name
     * @throws MigrationException.Refused if the address cannot be used
     */
    Listening listen(MigrationUri uri, Duration patience, AbortSignal abort);
}
