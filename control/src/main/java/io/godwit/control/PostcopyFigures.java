// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.control;

import io.godwit.engine.report.CheckpointStatistics;
import io.godwit.engine.report.LatencyHistogram;
import io.godwit.engine.report.PostcopyStatistics;
import tools.jackson.core.JsonGenerator;

/**
 * The figures of postcopy in QMP's words: those that QEMU's destination tells since 10.1, and all that Godwit measures.
 */
final class PostcopyFigures {
    /** As many doublings as QEMU tells: the last begins at 8 seconds. */
    private static final int DOUBLINGS = 24;

    private static final long NANOS_A_MILLI = 1_000_000;

    private PostcopyFigures() {}

    /** Writes the members of {@code query-migrate} at a destination. A vCPU that never waited has zeros. */
    static void blocktime(JsonGenerator out, PostcopyStatistics postcopy) {
        int vcpuCount = 1
                + postcopy.vcpus().stream()
                        .mapToInt(PostcopyStatistics.VcpuWait::vcpu)
                        .max()
                        .orElse(-1);
        long[] waitedNanos = new long[vcpuCount];
        long[] faults = new long[vcpuCount];
        long otherNanos = 0;
        long otherFaults = 0;
        for (PostcopyStatistics.VcpuWait wait : postcopy.vcpus()) {
            if (wait.vcpu() >= 0) {
                waitedNanos[wait.vcpu()] = wait.waitedNanos();
                faults[wait.vcpu()] = wait.faults();
            } else {
                otherNanos += wait.waitedNanos();
                otherFaults += wait.faults();
            }
        }
        LatencyHistogram.Snapshot whole = postcopy.latency().whole();
        out.writeNumberProperty("postcopy-blocktime", postcopy.blocktimeNanos() / NANOS_A_MILLI);
        out.writeArrayPropertyStart("postcopy-vcpu-blocktime");
        for (int vcpu = 0; vcpu < vcpuCount; vcpu++) {
            out.writeNumber(waitedNanos[vcpu] / NANOS_A_MILLI);
        }
        out.writeEndArray();
        out.writeNumberProperty("postcopy-latency", whole.meanNanos());
        out.writeArrayPropertyStart("postcopy-latency-dist");
        for (long count : whole.doublingsOfMicros(DOUBLINGS)) {
            out.writeNumber(count);
        }
        out.writeEndArray();
        out.writeArrayPropertyStart("postcopy-vcpu-latency");
        for (int vcpu = 0; vcpu < vcpuCount; vcpu++) {
            out.writeNumber(mean(waitedNanos[vcpu], faults[vcpu]));
        }
        out.writeEndArray();
        out.writeNumberProperty("postcopy-non-vcpu-latency", mean(otherNanos, otherFaults));
    }

    /** Writes the member {@code postcopy} of {@code x-godwit-statistics}. */
    static void whole(JsonGenerator out, PostcopyStatistics postcopy) {
        out.writeObjectPropertyStart("postcopy");
        out.writeNumberProperty("requests", postcopy.requests());
        out.writeNumberProperty("requested-pages", postcopy.requestedPages());
        out.writeNumberProperty("pushed-pages", postcopy.pushedPages());
        out.writeNumberProperty("transferred-bytes", postcopy.transferredBytes());
        out.writeNumberProperty("missing-pages", postcopy.missingPages());
        out.writeNumberProperty("waiting-faults", postcopy.waitingFaults());
        out.writeNumberProperty("recoveries", postcopy.recoveries());
        out.writeNumberProperty("blocktime-nanos", postcopy.blocktimeNanos());
        PostcopyStatistics.FaultLatency parts = postcopy.latency();
        out.writeObjectPropertyStart("latency");
        latency(out, "whole", parts.whole());
        latency(out, "event", parts.event());
        latency(out, "request", parts.request());
        latency(out, "source", parts.source());
        latency(out, "wire", parts.wire());
        latency(out, "place", parts.place());
        out.writeEndObject();
        buckets(out, "latency-buckets", parts.whole());
        out.writeArrayPropertyStart("vcpus");
        for (PostcopyStatistics.VcpuWait wait : postcopy.vcpus()) {
            out.writeStartObject();
            out.writeNumberProperty("vcpu", wait.vcpu());
            out.writeNumberProperty("faults", wait.faults());
            out.writeNumberProperty("waited-nanos", wait.waitedNanos());
            out.writeNumberProperty("longest-nanos", wait.longestNanos());
            out.writeEndObject();
        }
        out.writeEndArray();
        postcopy.safety().ifPresent(safety -> safety(out, safety));
        out.writeEndObject();
    }

    private static void safety(JsonGenerator out, CheckpointStatistics safety) {
        out.writeObjectPropertyStart("safety");
        out.writeBooleanProperty("active", safety.active());
        out.writeNumberProperty("epochs", safety.epochs());
        out.writeNumberProperty("last-epoch", safety.lastEpoch());
        out.writeNumberProperty("pages", safety.pages());
        out.writeNumberProperty("bytes", safety.bytes());
        out.writeNumberProperty("held-outputs", safety.heldOutputs());
        out.writeNumberProperty("released-outputs", safety.releasedOutputs());
        out.writeStringProperty("given-up", safety.givenUp());
        latency(out, "pause", safety.pause());
        latency(out, "output-delay", safety.outputDelay());
        out.writeEndObject();
    }

    private static void latency(JsonGenerator out, String name, LatencyHistogram.Snapshot snapshot) {
        out.writeObjectPropertyStart(name);
        latencyMembers(out, snapshot);
        out.writeEndObject();
    }

    /** Writes a histogram in short, as members of the object that has been begun. */
    static void latencyMembers(JsonGenerator out, LatencyHistogram.Snapshot snapshot) {
        out.writeNumberProperty("count", snapshot.count());
        if (snapshot.count() > 0) {
            out.writeNumberProperty("mean-nanos", snapshot.meanNanos());
            out.writeNumberProperty("p50-nanos", snapshot.percentileNanos(50));
            out.writeNumberProperty("p90-nanos", snapshot.percentileNanos(90));
            out.writeNumberProperty("p99-nanos", snapshot.percentileNanos(99));
            out.writeNumberProperty("p99.9-nanos", snapshot.percentileNanos(99.9));
            out.writeNumberProperty("max-nanos", snapshot.maxNanos());
        }
    }

    /** So that who asks twice can tell what came between: pairs of a duration and how many took up to that. */
    static void buckets(JsonGenerator out, String name, LatencyHistogram.Snapshot snapshot) {
        out.writeArrayPropertyStart(name);
        snapshot.forEachBucket((upToNanos, count) -> {
            out.writeStartArray();
            out.writeNumber(upToNanos);
            out.writeNumber(count);
            out.writeEndArray();
        });
        out.writeEndArray();
    }

    private static long mean(long sumNanos, long count) {
        return count == 0 ? 0 : sumNanos / count;
    }
}
