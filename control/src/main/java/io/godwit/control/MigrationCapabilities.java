// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.control;

import java.time.Duration;
import java.util.Map;
import tools.jackson.databind.node.ArrayNode;

/** Switches capabilities of a host's migration, by QEMU's names. */
public final class MigrationCapabilities {
    private MigrationCapabilities() {}

    /**
     * Switches all of these together; nothing is asked if there are none.
     *
     * @throws QmpException if the host refuses one; none is switched then
     * @throws QmpConnectionException if the host is gone, or does not answer in time
     */
    public static void set(QmpClient host, Map<String, Boolean> states, Duration patience) {
        if (states.isEmpty()) {
            return;
        }
        ArrayNode list = Json.array();
        states.forEach(
                (name, state) -> list.add(Json.object().put("capability", name).put("state", state)));
        host.execute("migrate-set-capabilities", Json.object().set("capabilities", list), patience);
    }
}
