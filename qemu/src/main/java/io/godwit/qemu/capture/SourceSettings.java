// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.qemu.capture;

import io.godwit.control.Json;
import io.godwit.control.QmpClient;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** What a capture sets at its source, and how it was before. One thread. */
final class SourceSettings {
    private static final Set<String> ON = Set.of("events", "return-path");

    /** Their stream is one that a capture takes. */
    private static final Set<String> HARMLESS =
            Set.of("auto-converge", "autopilot", "dirty-limit", "late-block-activate", "validate-uuid");

    /**
     * Their stream is another one, or QEMU would wait for what a capture does not do. In pre-switchover a QEMU that has
     * lost its connection waits for ever, its guest standing still.
     */
    private static final Set<String> OFF = Set.of(
            "background-snapshot",
            "block",
            "compress",
            "dirty-bitmaps",
            "mapped-ram",
            "multifd",
            "pause-before-switchover",
            "postcopy-blocktime",
            "postcopy-preempt",
            "postcopy-ram",
            "postcopy-safe",
            "rdma-pin-all",
            "release-ram",
            "switchover-ack",
            "x-colo",
            "x-ignore-shared",
            "xbzrle",
            "zero-blocks",
            "zero-copy-send");

    private final Map<String, Boolean> capabilities = new TreeMap<>();
    private final ObjectNode parameters = Json.object();

    /**
     * Looks for what is on and would make a stream that nobody here knows.
     *
     * @throws CaptureException if there is something
     */
    static void refuseUnknown(JsonNode capabilities) {
        List<String> unknown = new ArrayList<>();
        for (JsonNode entry : capabilities) {
            String name = entry.path("capability").asString("");
            boolean known = ON.contains(name) || HARMLESS.contains(name) || OFF.contains(name);
            if (entry.path("state").asBoolean(false) && !known) {
                unknown.add(name);
            }
        }
        if (!unknown.isEmpty()) {
            throw new CaptureException("The source has capabilities on that this Godwit does not know: "
                    + String.join(", ", unknown) + ". Switch them off there. The guest was not touched.");
        }
    }

    /** Sets all that the capture needs. What was set before an error is put back by {@link #restore} too. */
    void apply(QmpClient source, CapturePlan plan, Duration patience) {
        applyCapabilities(source, patience);
        ObjectNode wanted =
                Json.object().put("max-bandwidth", plan.bytesPerSecond().orElse(0));
        plan.downtimeMillis().ifPresent(millis -> wanted.put("downtime-limit", millis));
        wanted.put("tls-creds", "").put("mode", "normal");
        JsonNode now = source.execute("query-migrate-parameters", patience);
        ObjectNode changed = Json.object();
        for (Map.Entry<String, JsonNode> parameter : wanted.properties()) {
            JsonNode before = now.path(parameter.getKey());
            if (!before.isMissingNode() && !before.equals(parameter.getValue())) {
                parameters.set(parameter.getKey(), before);
                changed.set(parameter.getKey(), parameter.getValue());
            }
        }
        if (!changed.isEmpty()) {
            source.execute("migrate-set-parameters", changed, patience);
        }
    }

    private void applyCapabilities(QmpClient source, Duration patience) {
        Map<String, Boolean> changed = new TreeMap<>();
        for (JsonNode entry : source.execute("query-migrate-capabilities", patience)) {
            String name = entry.path("capability").asString("");
            boolean before = entry.path("state").asBoolean(false);
            if (before ? OFF.contains(name) : ON.contains(name)) {
                capabilities.put(name, before);
                changed.put(name, !before);
            }
        }
        set(source, changed, patience);
    }

    private static void set(QmpClient source, Map<String, Boolean> states, Duration patience) {
        if (states.isEmpty()) {
            return;
        }
        ArrayNode list = Json.array();
        states.forEach(
                (name, state) -> list.add(Json.object().put("capability", name).put("state", state)));
        source.execute("migrate-set-capabilities", Json.object().set("capabilities", list), patience);
    }

    /** Puts everything back as it was; only while no migration is under way. */
    void restore(QmpClient source, Duration patience) {
        set(source, capabilities, patience);
        capabilities.clear();
        if (!parameters.isEmpty()) {
            source.execute("migrate-set-parameters", parameters, patience);
            parameters.removeAll();
        }
    }

    /** What has not been put back yet, by name; empty if nothing. */
    String changed() {
        List<String> names = new ArrayList<>(capabilities.keySet());
        parameters.properties().forEach(parameter -> names.add(parameter.getKey()));
        return String.join(", ", names);
    }
}
