// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.qemu.capture;

import io.godwit.control.Json;
import io.godwit.control.MigrationCapabilities;
import io.godwit.control.QmpClient;
import io.godwit.control.QmpException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * How the settings of a source were before a capture changed them, kept in its QEMU while the capture lasts: it ends
 * with that QEMU, and whoever captures it next finds it. It is the text of an object of type {@code secret}, which does
 * nothing by itself. A source that has no such objects, as a Godwit, gets no note.
 *
 * @param capabilities by name
 * @param parameters by name
 */
record SettingsNote(Map<String, Boolean> capabilities, ObjectNode parameters) {
    private static final String ID = "godwit-capture";

    /** The note that a source has; what is not one of ours in it does not count. */
    static Optional<SettingsNote> read(QmpClient source, Duration patience) {
        try {
            JsonNode text = source.execute(
                    "qom-get", Json.object().put("path", "/objects/" + ID).put("property", "data"), patience);
            return Optional.of(parse(text.asString("")));
        } catch (QmpException _) {
            return Optional.empty();
        }
    }

    private static SettingsNote parse(String text) {
        SettingsNote note = new SettingsNote(new TreeMap<>(), Json.object());
        JsonNode read = read(text);
        for (Map.Entry<String, JsonNode> entry : read.path("capabilities").properties()) {
            if (NeededSettings.changesCapability(entry.getKey())
                    && entry.getValue().isBoolean()) {
                note.capabilities.put(entry.getKey(), entry.getValue().asBoolean());
            }
        }
        for (Map.Entry<String, JsonNode> entry : read.path("parameters").properties()) {
            if (NeededSettings.PARAMETERS.contains(entry.getKey())
                    && entry.getValue().isValueNode()) {
                note.parameters.set(entry.getKey(), entry.getValue());
            }
        }
        return note;
    }

    private static JsonNode read(String text) {
        try {
            return Json.parse(text.getBytes(StandardCharsets.UTF_8));
        } catch (RuntimeException _) {
            return Json.object();
        }
    }

    /** Leaves it with the source, before anything is changed there. */
    void leave(QmpClient source, Duration patience) {
        ObjectNode states = Json.object();
        capabilities.forEach(states::put);
        ObjectNode text = Json.object();
        text.set("capabilities", states);
        text.set("parameters", parameters);
        try {
            JsonNode _ = source.execute(
                    "object-add",
                    Json.object()
                            .put("qom-type", "secret")
                            .put("id", ID)
                            .put("data", new String(Json.write(text), StandardCharsets.UTF_8)),
                    patience);
        } catch (QmpException _) {
            // Then a capture that is killed leaves its settings, as the page says.
        }
    }

    /** Takes it away: all is as it was. */
    static void remove(QmpClient source, Duration patience) {
        try {
            JsonNode _ = source.execute("object-del", Json.object().put("id", ID), patience);
        } catch (QmpException _) {
            // There was none.
        }
    }

    /** Puts back what it says, takes it away, and gives the names. */
    String putBack(QmpClient source, Duration patience) {
        MigrationCapabilities.set(source, capabilities, patience);
        if (!parameters.isEmpty()) {
            source.execute("migrate-set-parameters", parameters, patience);
        }
        remove(source, patience);
        return names();
    }

    private String names() {
        List<String> names = new ArrayList<>(capabilities.keySet());
        parameters.properties().forEach(parameter -> names.add(parameter.getKey()));
        return String.join(", ", names);
    }
}
