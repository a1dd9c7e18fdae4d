// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.control.Json;
import java.util.Optional;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * What a destination in postcopy told at one moment.
 *
 * @param missingPages pages that have not arrived
 * @param served faults that got their page, since the beginning
 * @param waiting faults that wait for theirs
 * @param latency of all that were served
 * @param lately of those that were served since the sample before
 */
record FaultSample(long missingPages, long served, long waiting, LatencyCounts latency, LatencyCounts lately) {
    /** From an answer to {@code x-godwit-statistics}; nothing before postcopy has begun. */
    static Optional<FaultSample> of(JsonNode statistics, Optional<FaultSample> earlier) {
        JsonNode postcopy = statistics.path("postcopy");
        if (!postcopy.isObject()) {
            return Optional.empty();
        }
        LatencyCounts latency = LatencyCounts.of(postcopy.path("latency-buckets"));
        return Optional.of(new FaultSample(
                postcopy.path("missing-pages").asLong(0),
                latency.count(),
                postcopy.path("waiting-faults").asLong(0),
                latency,
                earlier.map(sample -> latency.since(sample.latency)).orElse(latency)));
    }

    /** A member of a line of {@code --json}. */
    ObjectNode toJson() {
        ObjectNode json = Json.object()
                .put("missingPages", missingPages)
                .put("faultsServed", served)
                .put("faultsWaiting", waiting)
                .put("faultsLately", lately.count());
        if (lately.count() > 0) {
            json.put("p50Micros", lately.percentileNanos(50) / 1e3).put("p99Micros", lately.percentileNanos(99) / 1e3);
        }
        return json;
    }
}
