// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.control.Json;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * What postcopy cost the guest: how many pages it waited for, and where the time of a fault went. Made of what both
 * sides know.
 */
final class FaultReport {
    private static final List<String> PARTS = List.of("whole", "event", "request", "source", "wire", "place");
    private static final List<String> FIGURES = List.of("mean", "p50", "p90", "p99", "p99.9", "max");

    private final JsonNode source;
    private final JsonNode destination;

    private FaultReport(JsonNode source, JsonNode destination) {
        this.source = source;
        this.destination = destination;
    }

    /**
     * From the answers of both sides to {@code x-godwit-statistics}; either may be empty.
     *
     * @return nothing if it never came to postcopy, or neither side can tell
     */
    static Optional<FaultReport> of(JsonNode source, JsonNode destination) {
        JsonNode here = source.path("postcopy");
        JsonNode there = destination.path("postcopy");
        return here.isObject() || there.isObject() ? Optional.of(new FaultReport(here, there)) : Optional.empty();
    }

    /** For people. */
    List<String> lines() {
        List<String> lines = new ArrayList<>();
        lines.add(String.format(
                Locale.ROOT,
                "  faults    %,d pages sent because they were asked for, %,d pushed%s",
                source.path("requested-pages").asLong(0),
                source.path("pushed-pages").asLong(0),
                recoveries()));
        if (!destination.isObject()) {
            return lines;
        }
        TextTable table = new TextTable("", ">faults", ">p50", ">p99", ">p99.9", ">max");
        for (String part : PARTS) {
            JsonNode latency = latency(part);
            if (latency.path("count").asLong(0) > 0) {
                table.row(
                        part.equals("whole") ? "latency" : "  " + part,
                        String.format(Locale.ROOT, "%,d", latency.path("count").asLong(0)),
                        time(latency, "p50"),
                        time(latency, "p99"),
                        time(latency, "p99.9"),
                        time(latency, "max"));
            }
        }
        table.lines().forEach(line -> lines.add("            " + line));
        for (JsonNode vcpu : destination.path("vcpus").values()) {
            lines.add(String.format(
                    Locale.ROOT,
                    "            %s waited %,d times, %s in all, %s at the longest",
                    vcpu.path("vcpu").asInt(-1) < 0
                            ? "other threads"
                            : "vCPU " + vcpu.path("vcpu").asInt(),
                    vcpu.path("faults").asLong(0),
                    TimeSpan.text(vcpu.path("waited-nanos").asLong(0)),
                    TimeSpan.text(vcpu.path("longest-nanos").asLong(0))));
        }
        return lines;
    }

    /** The member {@code postcopy} of the report. */
    ObjectNode toJson() {
        ObjectNode json = Json.object()
                .put("requests", source.path("requests").asLong(0))
                .put("requestedPages", source.path("requested-pages").asLong(0))
                .put("pushedPages", source.path("pushed-pages").asLong(0))
                .put("transferredBytes", source.path("transferred-bytes").asLong(0))
                .put("recoveries", recoveryCount())
                .put("blocktimeMicros", destination.path("blocktime-nanos").asLong(0) / 1000);
        ObjectNode latencies = json.putObject("faultLatency");
        for (String part : PARTS) {
            JsonNode latency = latency(part);
            ObjectNode figures =
                    latencies.putObject(part).put("count", latency.path("count").asLong(0));
            for (String figure : FIGURES) {
                if (latency.has(figure + "-nanos")) {
                    figures.put(
                            figure + "Micros", latency.path(figure + "-nanos").asLong(0) / 1e3);
                }
            }
        }
        ArrayNode vcpus = json.putArray("vcpus");
        for (JsonNode vcpu : destination.path("vcpus").values()) {
            vcpus.add(Json.object()
                    .put("vcpu", vcpu.path("vcpu").asInt(-1))
                    .put("faults", vcpu.path("faults").asLong(0))
                    .put("waitedMicros", vcpu.path("waited-nanos").asLong(0) / 1000)
                    .put("longestMicros", vcpu.path("longest-nanos").asLong(0) / 1000));
        }
        return json;
    }

    /** The source's own part is the source's to tell. */
    private JsonNode latency(String part) {
        return (part.equals("source") ? source : destination).path("latency").path(part);
    }

    private long recoveryCount() {
        return Math.max(
                source.path("recoveries").asLong(0),
                destination.path("recoveries").asLong(0));
    }

    private String recoveries() {
        long count = recoveryCount();
        return count == 0 ? "" : "; recovered " + (count == 1 ? "once" : count + " times");
    }

    private static String time(JsonNode latency, String figure) {
        return TimeSpan.text(latency.path(figure + "-nanos").asLong(0));
    }
}
