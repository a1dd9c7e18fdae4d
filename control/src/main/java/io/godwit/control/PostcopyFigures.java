// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.control;

import io.godwit.engine.EpochStatistics;
import io.godwit.engine.LatencyHistogram;
import io.godwit.engine.PostcopyStatistics;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** The figures of postcopy in QMP's words: those that QEMU's destination tells since 10.1, and all that Godwit measures. */
final class PostcopyFigures {
    /** As many doublings as QEMU tells: the last begins at 8 seconds. */
    private static final int DOUBLINGS = 24;

    private static final long NANOS_A_MILLI = 1_000_000;

    private PostcopyFigures() {}

    /** The members of {@code query-migrate} at a destination. A vCPU that never waited has zeros. */
    static void putBlocktime(ObjectNode answer, PostcopyStatistics postcopy) {
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
        answer.put("postcopy-blocktime", postcopy.blocktimeNanos() / NANOS_A_MILLI);
        ArrayNode blocktimes = answer.putArray("postcopy-vcpu-blocktime");
        answer.put("postcopy-latency", whole.meanNanos());
        answer.set("postcopy-latency-dist", doublings(whole));
        ArrayNode latencies = answer.putArray("postcopy-vcpu-latency");
        for (int vcpu = 0; vcpu < vcpuCount; vcpu++) {
            blocktimes.add(waitedNanos[vcpu] / NANOS_A_MILLI);
            latencies.add(mean(waitedNanos[vcpu], faults[vcpu]));
        }
        answer.put("postcopy-non-vcpu-latency", mean(otherNanos, otherFaults));
    }

    /** The member {@code postcopy} of {@code x-godwit-statistics}. */
    static ObjectNode whole(PostcopyStatistics postcopy) {
        ObjectNode answer = Json.object()
                .put("requests", postcopy.requests())
                .put("requested-pages", postcopy.requestedPages())
                .put("pushed-pages", postcopy.pushedPages())
                .put("transferred-bytes", postcopy.transferredBytes())
                .put("missing-pages", postcopy.missingPages())
                .put("waiting-faults", postcopy.waitingFaults())
                .put("recoveries", postcopy.recoveries())
                .put("blocktime-nanos", postcopy.blocktimeNanos());
        PostcopyStatistics.FaultLatency parts = postcopy.latency();
        ObjectNode latency = answer.putObject("latency");
        latency.set("whole", latency(parts.whole()));
        latency.set("event", latency(parts.event()));
        latency.set("request", latency(parts.request()));
        latency.set("source", latency(parts.source()));
        latency.set("wire", latency(parts.wire()));
        latency.set("place", latency(parts.place()));
        answer.set("latency-buckets", buckets(parts.whole()));
        ArrayNode vcpus = answer.putArray("vcpus");
        for (PostcopyStatistics.VcpuWait wait : postcopy.vcpus()) {
            vcpus.add(Json.object()
                    .put("vcpu", wait.vcpu())
                    .put("faults", wait.faults())
                    .put("waited-nanos", wait.waitedNanos())
                    .put("longest-nanos", wait.longestNanos()));
        }
        postcopy.safety().ifPresent(safety -> answer.set("safety", safety(safety)));
        return answer;
    }

    private static ObjectNode safety(EpochStatistics safety) {
        ObjectNode answer = Json.object()
                .put("active", safety.active())
                .put("epochs", safety.epochs())
                .put("last-epoch", safety.lastEpoch())
                .put("pages", safety.pages())
                .put("bytes", safety.bytes())
                .put("held-outputs", safety.heldOutputs())
                .put("released-outputs", safety.releasedOutputs())
                .put("given-up", safety.givenUp());
        answer.set("pause", latency(safety.pause()));
        answer.set("output-delay", latency(safety.outputDelay()));
        return answer;
    }

    /** A histogram in short. */
    static ObjectNode latency(LatencyHistogram.Snapshot snapshot) {
        ObjectNode answer = Json.object().put("count", snapshot.count());
        if (snapshot.count() > 0) {
            answer.put("mean-nanos", snapshot.meanNanos())
                    .put("p50-nanos", snapshot.percentileNanos(50))
                    .put("p90-nanos", snapshot.percentileNanos(90))
                    .put("p99-nanos", snapshot.percentileNanos(99))
                    .put("p99.9-nanos", snapshot.percentileNanos(99.9))
                    .put("max-nanos", snapshot.maxNanos());
        }
        return answer;
    }

    /** So that who asks twice can tell what came between: pairs of a duration and how many took up to that. */
    static ArrayNode buckets(LatencyHistogram.Snapshot snapshot) {
        ArrayNode answer = Json.array();
        for (LatencyHistogram.Bucket bucket : snapshot.buckets()) {
            answer.add(Json.array().add(bucket.upToNanos()).add(bucket.count()));
        }
        return answer;
    }

    private static ArrayNode doublings(LatencyHistogram.Snapshot snapshot) {
        ArrayNode answer = Json.array();
        for (long count : snapshot.doublingsOfMicros(DOUBLINGS)) {
            answer.add(count);
        }
        return answer;
    }

    private static long mean(long sumNanos, long count) {
        return count == 0 ? 0 : sumNanos / count;
    }
}
