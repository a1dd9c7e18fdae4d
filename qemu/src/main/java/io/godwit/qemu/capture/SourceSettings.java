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

    /**
     * QEMU stops its guest as soon as it thinks that the rest takes no longer than the limit, even in its first pass. A
     * capture is slower than another QEMU, and its guest shall not pay for that.
     */
    private static final long SHORT_MILLIS = 5;

    private static final long PATIENT_PASSES = 3;
    private static final int MOST_DOUBLINGS = 20;

    private final Map<String, Boolean> capabilities = new TreeMap<>();
    private final ObjectNode parameters = Json.object();
    private JsonNode limitBefore = Json.object();
    private long mostMillis;
    private long limitMillis;

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
        wanted.put("tls-creds", "").put("mode", "normal");
        JsonNode now = source.execute("query-migrate-parameters", patience);
        limitBefore = now.path("downtime-limit");
        mostMillis = plan.downtimeMillis().orElse(now.path("downtime-limit").asLong(SHORT_MILLIS));
        limitMillis = Math.min(mostMillis, SHORT_MILLIS);
        wanted.put("downtime-limit", limitMillis);
        ObjectNode changed = Json.object();
        for (Map.Entry<String, JsonNode> parameter : wanted.properties()) {
            JsonNode before = now.path(parameter.getKey());
            if (!before.isMissingNode()
                    && !before.asString("").equals(parameter.getValue().asString(""))) {
                parameters.set(parameter.getKey(), before);
                changed.set(parameter.getKey(), parameter.getValue());
            }
        }
        if (!changed.isEmpty()) {
            source.execute("migrate-set-parameters", changed, patience);
        }
    }

    /**
     * A guest that writes much cannot be stopped so shortly: each pass doubles the limit, up to what is allowed.
     *
     * @param passes how often the source has looked for dirty pages
     */
    void allowPause(QmpClient source, long passes, Duration patience) {
        long wanted = Math.min(mostMillis, SHORT_MILLIS << Math.clamp(passes - PATIENT_PASSES, 0, MOST_DOUBLINGS));
        if (wanted > limitMillis) {
            limitMillis = wanted;
            if (!parameters.has("downtime-limit") && !limitBefore.isMissingNode()) {
                parameters.set("downtime-limit", limitBefore);
            }
            source.execute("migrate-set-parameters", Json.object().put("downtime-limit", wanted), patience);
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

    /** Puts everything back as it was, what can be; only while no migration is under way. */
    void restore(QmpClient source, Duration patience) {
        try {
            set(source, capabilities, patience);
            capabilities.clear();
        } finally {
            restoreParameters(source, patience);
        }
    }

    private void restoreParameters(QmpClient source, Duration patience) {
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
