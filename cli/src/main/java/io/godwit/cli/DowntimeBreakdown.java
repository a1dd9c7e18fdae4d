// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.control.Json;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** Where the guest's pause went: the source's parts and the destination's, in the order in which they happened. */
final class DowntimeBreakdown {
    private record Part(String name, long nanos) {}

    private final List<Part> parts = new ArrayList<>();

    /** From the answers of both sides to {@code x-godwit-statistics}. */
    DowntimeBreakdown(JsonNode source, JsonNode destination) {
        for (String name : List.of("stop", "harvest", "pages", "device")) {
            add(name, source);
        }
        for (String name : List.of("load", "token", "start")) {
            add(name, destination);
        }
        // The source waits for the answer while the destination loads, takes the token and starts: not added up, but
        // told.
        add("handover", source);
    }

    private void add(String name, JsonNode statistics) {
        JsonNode value = statistics.path("downtime-parts").path(name + "-nanos");
        if (value.isIntegralNumber()) {
            parts.add(new Part(name, value.asLong()));
        }
    }

    boolean isEmpty() {
        return parts.isEmpty();
    }

    /** Microseconds by name, as {@code stopMicros}. */
    ObjectNode toJson() {
        ObjectNode object = Json.object();
        parts.forEach(part -> object.put(part.name() + "Micros", part.nanos() / 1000));
        return object;
    }

    @Override
    public String toString() {
        StringBuilder text = new StringBuilder();
        for (Part part : parts) {
            text.append(text.isEmpty() ? "" : ", ")
                    .append(part.name())
                    .append(String.format(Locale.ROOT, " %.2f", part.nanos() / 1e6));
        }
        return text.append(" ms").toString();
    }
}
