// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.control.Json;
import io.godwit.control.QmpClient;
import io.godwit.control.QmpConnectionException;
import tools.jackson.databind.node.ObjectNode;

/**
 * What only a Godwit source can tell; empty objects for QEMU's, and where the host is gone.
 *
 * @param guest answer to {@code x-godwit-guest}
 * @param statistics answer to {@code x-godwit-statistics}
 */
record SourceFigures(ObjectNode guest, ObjectNode statistics) {
    /** Of whom nothing is known. */
    static SourceFigures none() {
        return new SourceFigures(Json.object(), Json.object());
    }

    /** Asks a host; a host that has gone since it said that all is done takes its figures with it. */
    static SourceFigures of(QmpClient client) {
        try {
            return client.isGodwit()
                    ? new SourceFigures(ask(client, "x-godwit-guest"), ask(client, "x-godwit-statistics"))
                    : none();
        } catch (QmpConnectionException e) {
            return none();
        }
    }

    private static ObjectNode ask(QmpClient client, String command) {
        return client.execute(command, Addresses.PATIENCE) instanceof ObjectNode object ? object : Json.object();
    }
}
