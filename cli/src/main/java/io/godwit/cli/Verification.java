// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.control.Json;
import io.godwit.control.QmpClient;
import java.time.Duration;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * What proves that nothing was lost.
 *
 * @param ramIdentical whether every page had the same hash on both sides at the switchover
 * @param guestMismatches pages that did not hold what the guest's program had written there
 * @param runsOn where its vCPUs run: destination, source, both or neither
 * @param workPages pages that the guest's program has checked and rewritten
 * @param ramDetail what differs, or how much was compared
 */
record Verification(boolean ramIdentical, long guestMismatches, RunsOn runsOn, long workPages, String ramDetail) {
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    /** Where the guest's vCPUs run. */
    enum RunsOn {
        DESTINATION("destination"),
        SOURCE("source"),
        BOTH("both"),
        NEITHER("neither");

        private final String word;

        RunsOn(String word) {
            this.word = word;
        }

        @Override
        public String toString() {
            return word;
        }
    }

    /** Asks both sides. */
    static Verification of(QmpClient source, QmpClient destination) {
        JsonNode sourceDigest = source.execute("x-godwit-ram-digest", PATIENCE).path("blocks");
        JsonNode destinationDigest =
                destination.execute("x-godwit-ram-digest", PATIENCE).path("blocks");
        JsonNode guest = destination.execute("x-godwit-guest", PATIENCE);
        // Free pages that the source has left out are missing in both; one that got lost would be missing in one.
        boolean identical = !sourceDigest.isEmpty() && sourceDigest.equals(destinationDigest);
        long leftOut = missing(sourceDigest);
        String detail = identical
                ? String.format(java.util.Locale.ROOT, "%,d pages", pages(sourceDigest) - leftOut)
                        + (leftOut == 0
                                ? ""
                                : String.format(java.util.Locale.ROOT, ", and %,d free ones left out", leftOut))
                : "source " + new String(Json.write(sourceDigest), java.nio.charset.StandardCharsets.UTF_8)
                        + ", destination "
                        + new String(Json.write(destinationDigest), java.nio.charset.StandardCharsets.UTF_8);
        return new Verification(
                identical,
                guest.path("mismatches").asLong(-1),
                runsOn(isRunning(source), isRunning(destination)),
                guest.path("work-pages").asLong(0),
                detail);
    }

    boolean isProved() {
        return ramIdentical && guestMismatches == 0 && runsOn == RunsOn.DESTINATION;
    }

    ObjectNode toJson() {
        return Json.object()
                .put("ramIdentical", ramIdentical)
                .put("guestMismatches", guestMismatches)
                .put("guestRunsOn", runsOn.toString());
    }

    private static long missing(JsonNode blocks) {
        return blocks.values().stream()
                .mapToLong(block -> block.path("missing-pages").asLong(0))
                .sum();
    }

    private static long pages(JsonNode blocks) {
        return blocks.values().stream()
                .mapToLong(block -> block.path("pages").asLong(0))
                .sum();
    }

    private static boolean isRunning(QmpClient host) {
        return host.execute("query-status", PATIENCE).path("running").asBoolean(false);
    }

    private static RunsOn runsOn(boolean source, boolean destination) {
        if (source) {
            return destination ? RunsOn.BOTH : RunsOn.SOURCE;
        }
        return destination ? RunsOn.DESTINATION : RunsOn.NEITHER;
    }
}
