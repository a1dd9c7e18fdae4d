// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.transport;

import java.time.Duration;

/**
 * The source's connections to one destination.
 *
 * @param address where it waits
 * @param patience how long connecting may take, and how long the destination may take no byte at all
 */
public record OutgoingConnections(Transports transports, MigrationUri address, Duration patience)
        implements Connections {
    @Override
    public boolean takesMore() {
        return switch (address) {
            case MigrationUri.Tcp _, MigrationUri.Unix _ -> true;
            case MigrationUri.Fd _, MigrationUri.Exec _, MigrationUri.File _ -> false;
        };
    }

    @Override
    public Channel open(ConnectionRole role, AbortSignal abort) {
        if (role != ConnectionRole.MAIN && !takesMore()) {
            throw new IllegalStateException(address + " is one connection and takes no " + role.description());
        }
        return transports.connect(address, patience, abort);
    }
}
