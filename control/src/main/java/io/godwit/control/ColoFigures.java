// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.control;

import io.godwit.engine.report.ColoStatistics;
import io.godwit.engine.report.LatencyHistogram;
import io.godwit.engine.report.MigrationStatistics;
import tools.jackson.core.JsonGenerator;
import tools.jackson.databind.node.ObjectNode;

/** The figures of COLO in QMP's words. */
final class ColoFigures {
    private ColoFigures() {}

    /** The answer to {@code query-colo-status}. */
    static ObjectNode status(MigrationStatistics statistics) {
        ColoStatistics colo = statistics.colo().orElse(ColoStatistics.NONE);
        return Json.object()
                .put("mode", colo.mode().publicName())
                .put("last-mode", colo.lastMode().publicName())
                .put("reason", colo.reason().publicName());
    }

    /** Writes what Godwit knows besides, as a property of the object that is being written. */
    static void figures(JsonGenerator out, ColoStatistics colo) {
        out.writeObjectPropertyStart("x-colo");
        out.writeStringProperty("mode", colo.mode().publicName());
        out.writeBooleanProperty("shares-token", colo.sharesToken());
        out.writeNumberProperty("checkpoints", colo.checkpoints());
        out.writeNumberProperty("pages", colo.pages());
        out.writeNumberProperty("bytes", colo.bytes());
        latency(out, "pause-nanos", colo.pause());
        latency(out, "stop-nanos", colo.stop());
        latency(out, "send-nanos", colo.send());
        latency(out, "answer-nanos", colo.answer());
        latency(out, "flush-nanos", colo.flush());
        out.writeNumberProperty("compared-answers", colo.compared());
        out.writeNumberProperty("divergences", colo.divergences());
        out.writeNumberProperty("overdue-answers", colo.overdue());
        out.writeNumberProperty("held-outputs", colo.heldOutputs());
        out.writeNumberProperty("failover-nanos", colo.failoverNanos());
        out.writeEndObject();
    }

    private static void latency(JsonGenerator out, String name, LatencyHistogram.Snapshot latency) {
        out.writeObjectPropertyStart(name);
        out.writeNumberProperty("count", latency.count());
        out.writeNumberProperty("mean", latency.meanNanos());
        out.writeNumberProperty("p50", latency.percentileNanos(50));
        out.writeNumberProperty("p99", latency.percentileNanos(99));
        out.writeNumberProperty("max", latency.maxNanos());
        out.writeEndObject();
    }
}
