// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.control.Json;
import io.godwit.control.QmpClient;
import java.time.Duration;
import java.util.concurrent.locks.LockSupport;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * How long the guest stood still, by its own heartbeat on the monotonic clock that both hosts share.
 *
 * @param beforeMicros longest gap in the second before the migration
 * @param acrossMicros longest gap across the move: for each vCPU from its last beat at the source to its first at the
 *     destination, or any other gap from {@link #MARGIN_BEFORE} before the stop until {@link #MARGIN_AFTER} after the
 *     start, whichever is longest
 * @param handoverMicros of these the one from the last beat at the source to the first at the destination
 */
record Pause(long beforeMicros, long acrossMicros, long handoverMicros) {
    static final Duration MARGIN_BEFORE = Duration.ofMillis(200);
    static final Duration MARGIN_AFTER = Duration.ofSeconds(1);

    private static final long RETRY_NANOS = 5_000_000;

    /** The longest gap of the last second, in microseconds; asked right before the migration begins. */
    static long longestGapInTheLastSecond(QmpClient source) {
        long now = System.nanoTime();
        return longestGap(source, now - 1_000_000_000L, now) / 1000;
    }

    /**
     * Measures the move after it is over, and after the guest has run at the destination for {@link #MARGIN_AFTER}.
     *
     * @throws CommandFailure if a vCPU has not beaten at the destination
     */
    static Pause across(QmpClient source, QmpClient destination, long beforeMicros) {
        JsonNode last = guest(source, Json.object()).path("vcpus");
        JsonNode first = awaitBeats(destination, last.size());
        long longest = 0;
        long earliestStop = Long.MAX_VALUE;
        long latestStop = Long.MIN_VALUE;
        long latestStart = Long.MIN_VALUE;
        for (int vcpu = 0; vcpu < last.size(); vcpu++) {
            long stop = beat(last.path(vcpu), "last-beat-nanos", vcpu, "source");
            long start = beat(first.path(vcpu), "first-beat-nanos", vcpu, "destination");
            longest = Math.max(longest, start - stop);
            earliestStop = Math.min(earliestStop, stop);
            latestStop = Math.max(latestStop, stop);
            latestStart = Math.max(latestStart, start);
        }
        long handover = longest;
        longest = Math.max(longest, longestGap(source, earliestStop - MARGIN_BEFORE.toNanos(), latestStop));
        longest = Math.max(longest, longestGap(destination, latestStart, latestStart + MARGIN_AFTER.toNanos()));
        return new Pause(beforeMicros, longest / 1000, handover / 1000);
    }

    /** The destination's vCPUs, once all have beaten or {@link Addresses#PATIENCE} has passed. */
    private static JsonNode awaitBeats(QmpClient destination, int count) {
        long deadline = System.nanoTime() + Addresses.PATIENCE.toNanos();
        while (true) {
            JsonNode vcpus = guest(destination, Json.object()).path("vcpus");
            boolean all =
                    vcpus.size() == count && vcpus.values().stream().allMatch(vcpu -> vcpu.has("first-beat-nanos"));
            if (all || System.nanoTime() - deadline >= 0) {
                return vcpus;
            }
            LockSupport.parkNanos(RETRY_NANOS);
        }
    }

    private static long beat(JsonNode vcpu, String name, int index, String side) {
        JsonNode nanos = vcpu.path(name);
        if (!nanos.isIntegralNumber()) {
            throw new CommandFailure(
                    "vCPU " + index + " has no heartbeat at the " + side + ", so it does not run there.");
        }
        return nanos.asLong();
    }

    private static long longestGap(QmpClient host, long from, long to) {
        long longest = 0;
        ObjectNode window = Json.object().put("from-nanos", Math.max(0, from)).put("to-nanos", to);
        for (JsonNode vcpu : guest(host, window).path("vcpus").values()) {
            longest = Math.max(longest, vcpu.path("longest-gap-nanos").asLong(0));
        }
        return longest;
    }

    private static JsonNode guest(QmpClient host, ObjectNode arguments) {
        return host.execute("x-godwit-guest", arguments, Addresses.PATIENCE);
    }
}
