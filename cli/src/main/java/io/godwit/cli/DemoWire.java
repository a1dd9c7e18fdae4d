// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.control.Json;
import io.godwit.control.QmpClient;
import java.nio.file.Path;
import tools.jackson.databind.JsonNode;

/** Where the destination of a demonstration listens: at a new place each time. */
final class DemoWire {
    /** How the migration goes from host to host. */
    enum Transport {
        TCP,
        UNIX
    }

    private final Transport transport;
    private final Path directory;
    private final String name;
    private final QmpClient destination;
    private int listened;

    /**
     * For one destination.
     *
     * @param name of its sockets in the directory
     */
    DemoWire(Transport transport, Path directory, String name, QmpClient destination) {
        this.transport = transport;
        this.directory = directory;
        this.name = name;
        this.destination = destination;
    }

    /**
     * Lets the destination listen.
     *
     * @param command {@code migrate-incoming} or {@code migrate-recover}
     * @return where
     */
    String listen(String command) {
        listened++;
        String asked = switch (transport) {
            case TCP -> "tcp:127.0.0.1:0";
            case UNIX -> "unix:" + directory.resolve(name + "-" + listened + ".sock");
        };
        destination.execute(command, Json.object().put("uri", asked), Addresses.PATIENCE);
        return switch (transport) {
            case UNIX -> asked;
            case TCP -> {
                JsonNode address = destination
                        .execute("query-migrate", Addresses.PATIENCE)
                        .path("socket-address")
                        .path(0);
                yield "tcp:127.0.0.1:" + address.path("port").asString("0");
            }
        };
    }
}
