// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.report;

import java.util.List;

/**
 * How long others waited because of a migration. What a throttle took, the pause of the switchover and the faults of
 * postcopy have figures of their own and are not in it. Immutable.
 *
 * @param vcpus for each vCPU how long it was kept from running, see {@link io.godwit.engine.guest.VcpuWaits}; empty at
 * a destination
 * @param trackerCalls how long each call took by which the tracker made the kernel protect pages again: what a vCPU may
 *     have waited for at most that wrote to a page meanwhile, since the kernel tells nobody of those waits
 * @param commands for each command of a control session how long it took from its last byte until its answer was
 *     written, while the migration was under way; a client that does not read its answers makes its own ones long
 */
public record WaitStatistics(
        List<LatencyHistogram.Snapshot> vcpus,
        LatencyHistogram.Snapshot trackerCalls,
        LatencyHistogram.Snapshot commands) {
    /** Nobody waited. */
    public static final WaitStatistics NONE =
            new WaitStatistics(List.of(), LatencyHistogram.Snapshot.EMPTY, LatencyHistogram.Snapshot.EMPTY);

    /** Keeps a copy of the list. */
    public WaitStatistics {
        vcpus = List.copyOf(vcpus);
    }

    /** The longest wait of any vCPU, in nanoseconds; 0 if none waited. */
    public long longestVcpuNanos() {
        long longest = 0;
        for (LatencyHistogram.Snapshot vcpu : vcpus) {
            longest = Math.max(longest, vcpu.maxNanos());
        }
        return longest;
    }
}
