// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.control.Json;
import java.util.Locale;
import java.util.Optional;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * What a Godwit said of its part in COLO at one moment; a QEMU tells none of it.
 *
 * @param mode primary, secondary or none
 * @param sharesToken whether the survivor goes on by itself
 * @param checkpoints that the secondary has received whole
 * @param pages that these had
 * @param pause how long the guest stood still for each, on the side that was asked
 * @param flush at the secondary, how long its memory took to become the primary's
 * @param compared answers of both guests that were the same
 * @param divergences answers that were not
 * @param heldOutputs outputs that wait now
 * @param failoverNanos from the loss of the other side until this one went on; 0 if it did not
 */
record ColoSample(
        String mode,
        boolean sharesToken,
        long checkpoints,
        long pages,
        Times pause,
        Times flush,
        long compared,
        long divergences,
        long heldOutputs,
        long failoverNanos) {
    /** Durations of one kind. */
    record Times(long count, long p50Nanos, long p99Nanos, long maxNanos) {
        static Times of(JsonNode told) {
            return new Times(
                    told.path("count").asLong(0),
                    told.path("p50").asLong(0),
                    told.path("p99").asLong(0),
                    told.path("max").asLong(0));
        }

        ObjectNode toJson() {
            return Json.object()
                    .put("count", count)
                    .put("p50Nanos", p50Nanos)
                    .put("p99Nanos", p99Nanos)
                    .put("maxNanos", maxNanos);
        }

        @Override
        public String toString() {
            return count == 0 ? "none" : "p50 " + TimeSpan.text(p50Nanos) + ", p99 " + TimeSpan.text(p99Nanos);
        }
    }

    /** From the {@code x-colo} of {@code query-migrate}; empty if it is not there. */
    static Optional<ColoSample> of(JsonNode told) {
        return told.isObject()
                ? Optional.of(new ColoSample(
                        told.path("mode").asString("none"),
                        told.path("shares-token").asBoolean(false),
                        told.path("checkpoints").asLong(0),
                        told.path("pages").asLong(0),
                        Times.of(told.path("pause-nanos")),
                        Times.of(told.path("flush-nanos")),
                        told.path("compared-answers").asLong(0),
                        told.path("divergences").asLong(0),
                        told.path("held-outputs").asLong(0),
                        told.path("failover-nanos").asLong(0)))
                : Optional.empty();
    }

    /** Pages of a checkpoint, in the mean. */
    long pagesEach() {
        return checkpoints == 0 ? 0 : pages / checkpoints;
    }

    /** The figures in half a line. */
    String text() {
        return String.format(
                Locale.ROOT,
                "%,d checkpoints of %,d pages, pause %s, %,d outputs held, %,d divergences",
                checkpoints,
                pagesEach(),
                pause,
                heldOutputs,
                divergences);
    }

    ObjectNode toJson() {
        ObjectNode json = Json.object()
                .put("mode", mode)
                .put("sharesToken", sharesToken)
                .put("checkpoints", checkpoints)
                .put("pages", pages)
                .put("comparedAnswers", compared)
                .put("divergences", divergences)
                .put("heldOutputs", heldOutputs)
                .put("failoverNanos", failoverNanos);
        json.set("pause", pause.toJson());
        json.set("flush", flush.toJson());
        return json;
    }
}
