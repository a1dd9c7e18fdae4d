// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.fault;

import tools.jackson.databind.JsonNode;

/**
 * What a host says of its guest's life there. Times are of the monotonic clock that all processes of this machine
 * share.
 *
 * @param beats heartbeats of all vCPUs on that host
 * @param firstNanos the first of them; the end of time if there is none
 * @param lastNanos the last of them; the beginning of time if there is none
 * @param workPages pages that the program has checked and rewritten
 * @param mismatches those that did not hold what it had written there
 */
record GuestFigures(long beats, long firstNanos, long lastNanos, long workPages, long mismatches) {
    static GuestFigures of(JsonNode answer) {
        long beats = 0;
        long first = Long.MAX_VALUE;
        long last = Long.MIN_VALUE;
        for (JsonNode vcpu : answer.path("vcpus").values()) {
            beats += vcpu.path("beats").asLong(0);
            first = Math.min(first, vcpu.path("first-beat-nanos").asLong(Long.MAX_VALUE));
            last = Math.max(last, vcpu.path("last-beat-nanos").asLong(Long.MIN_VALUE));
        }
        return new GuestFigures(
                beats,
                first,
                last,
                answer.path("work-pages").asLong(-1),
                answer.path("mismatches").asLong(-1));
    }
}
