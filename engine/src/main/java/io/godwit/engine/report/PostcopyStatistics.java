// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.report;

import java.util.List;
import java.util.Optional;

/**
 * What postcopy did so far, as one side saw it. Immutable. Pages are target pages of 4096 bytes; durations are
 * nanoseconds.
 *
 * @param requests page requests that were sent (destination) or came (source)
 * @param requestedPages pages that travelled because they were asked for; at the destination, pages that somebody
 * waited for
 * @param pushedPages pages that travelled unasked
 * @param transferredBytes bytes over all connections since the guest was let run at the destination
 * @param missingPages pages that the destination lacks, as far as this side knows
 * @param waitingFaults destination: faults that wait for their page now
 * @param recoveries how often postcopy went on after a lost connection
 * @param latency destination: how long faults took, in all and in parts; source: only its own part
 * @param blocktimeNanos destination: how long all vCPUs together stood still for pages at the same time
 * @param vcpus destination: one entry for each vCPU that ever waited
 * @param safety with {@code postcopy-safe}: what went back to the source
 */
public record PostcopyStatistics(
        long requests,
        long requestedPages,
        long pushedPages,
        long transferredBytes,
        long missingPages,
        long waitingFaults,
        int recoveries,
        FaultLatency latency,
        long blocktimeNanos,
        List<VcpuWait> vcpus,
        Optional<CheckpointStatistics> safety) {

    /**
     * The way of a fault, each part as a histogram.
     *
     * @param whole from the event until the guest could go on
     * @param event from the kernel's report of the fault until it was looked at, as far as this process can tell
     * @param request from there until the request was written
     * @param source at the source: from the request read until the page written
     * @param wire from the request written until the page was read, the source's part included
     * @param place from the page read until it was in place and the guest woken
     */
    public record FaultLatency(
            LatencyHistogram.Snapshot whole,
            LatencyHistogram.Snapshot event,
            LatencyHistogram.Snapshot request,
            LatencyHistogram.Snapshot source,
            LatencyHistogram.Snapshot wire,
            LatencyHistogram.Snapshot place) {
        /** No fault yet. */
        public static final FaultLatency NONE = new FaultLatency(
                LatencyHistogram.Snapshot.EMPTY,
                LatencyHistogram.Snapshot.EMPTY,
                LatencyHistogram.Snapshot.EMPTY,
                LatencyHistogram.Snapshot.EMPTY,
                LatencyHistogram.Snapshot.EMPTY,
                LatencyHistogram.Snapshot.EMPTY);
    }

    /**
     * How long one vCPU waited for pages.
     *
     * @param vcpu its number; -1 for threads that are no vCPU
     * @param faults how often it waited
     * @param waitedNanos how long in all
     * @param longestNanos the longest wait
     */
    public record VcpuWait(int vcpu, long faults, long waitedNanos, long longestNanos) {}

    /** Without {@code postcopy-safe}. */
    public PostcopyStatistics(
            long requests,
            long requestedPages,
            long pushedPages,
            long transferredBytes,
            long missingPages,
            long waitingFaults,
            int recoveries,
            FaultLatency latency,
            long blocktimeNanos,
            List<VcpuWait> vcpus) {
        this(
                requests,
                requestedPages,
                pushedPages,
                transferredBytes,
                missingPages,
                waitingFaults,
                recoveries,
                latency,
                blocktimeNanos,
                vcpus,
                Optional.empty());
    }

    /** The same with what went back to the source. */
    public PostcopyStatistics withSafety(Optional<CheckpointStatistics> figures) {
        return new PostcopyStatistics(
                requests,
                requestedPages,
                pushedPages,
                transferredBytes,
                missingPages,
                waitingFaults,
                recoveries,
                latency,
                blocktimeNanos,
                vcpus,
                figures);
    }

    /** Copies the list. */
    public PostcopyStatistics {
        vcpus = List.copyOf(vcpus);
    }
}
