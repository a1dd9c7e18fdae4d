// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.control.Json;
import io.godwit.control.QmpClient;
import java.time.Duration;
import tools.jackson.databind.node.ObjectNode;

/**
 * What only a Godwit source can tell; empty objects for QEMU's.
 *
 * @param guest answer to {@code x-godwit-guest}
 * @param statistics answer to {@code x-godwit-statistics}
 */
record SourceFigures(ObjectNode guest, ObjectNode statistics) {
    private static final Duration PATIENCE = Duration.ofSeconds(10);

    static SourceFigures of(QmpClient client) {
        return client.isGodwit()
                ? new SourceFigures(ask(client, "x-godwit-guest"), ask(client, "x-godwit-statistics"))
                : new SourceFigures(Json.object(), Json.object());
    }

    private static ObjectNode ask(QmpClient client, String command) {
        return client.execute(command, PATIENCE) instanceof ObjectNode object ? object : Json.object();
    }
}
