// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.qemu.capture;

import io.godwit.control.Json;
import io.godwit.control.MigrationCapabilities;
import io.godwit.control.QmpClient;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** What a capture sets at its source, and how it was before. One thread. */
final class SourceSettings {
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

    /** Sets all that the capture needs. What was set before an error is put back by {@link #restore} too. */
    void apply(QmpClient source, CapturePlan plan, Duration patience) {
        Map<String, Boolean> needed =
                NeededSettings.capabilities(source.execute("query-migrate-capabilities", patience));
        ObjectNode wanted =
                Json.object().put("max-bandwidth", plan.bytesPerSecond().orElse(0));
        wanted.put("tls-creds", "").put("mode", "normal");
        JsonNode now = source.execute("query-migrate-parameters", patience);
        limitBefore = now.path("downtime-limit");
        mostMillis = plan.downtimeMillis().orElse(now.path("downtime-limit").asLong(SHORT_MILLIS));
        limitMillis = Math.min(mostMillis, SHORT_MILLIS);
        wanted.put("downtime-limit", limitMillis);
        ObjectNode changed = Json.object();
        ObjectNode former = Json.object();
        for (Map.Entry<String, JsonNode> parameter : wanted.properties()) {
            JsonNode before = now.path(parameter.getKey());
            if (!before.isMissingNode()
                    && !before.asString("").equals(parameter.getValue().asString(""))) {
                former.set(parameter.getKey(), before);
                changed.set(parameter.getKey(), parameter.getValue());
            }
        }
        leaveNote(source, needed, former, patience);
        needed.forEach((name, state) -> capabilities.put(name, !state));
        MigrationCapabilities.set(source, needed, patience);
        parameters.setAll(former);
        if (!changed.isEmpty()) {
            source.execute("migrate-set-parameters", changed, patience);
        }
    }

    /** The limit may be raised later, so that it is in the note in any case. */
    private void leaveNote(QmpClient source, Map<String, Boolean> needed, ObjectNode former, Duration patience) {
        Map<String, Boolean> before = new TreeMap<>();
        needed.forEach((name, state) -> before.put(name, !state));
        ObjectNode noted = former.deepCopy();
        if (!limitBefore.isMissingNode()) {
            noted.set("downtime-limit", limitBefore);
        }
        new SettingsNote(before, noted).leave(source, patience);
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

    /** Puts everything back as it was, what can be; only while no migration is under way. */
    void restore(QmpClient source, Duration patience) {
        try {
            MigrationCapabilities.set(source, capabilities, patience);
            capabilities.clear();
        } finally {
            restoreParameters(source, patience);
        }
        SettingsNote.remove(source, patience);
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
