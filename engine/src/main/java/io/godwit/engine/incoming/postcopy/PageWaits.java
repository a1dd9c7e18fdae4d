// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.incoming.postcopy;

import io.godwit.engine.guest.Vcpus;
import io.godwit.engine.report.PostcopyStatistics;
import java.util.ArrayList;
import java.util.List;

/**
 * How long the vCPUs wait for pages: each of them, and all at the same time, which is what QEMU calls the blocktime.
 * The last slot is for threads that are no vCPU. Guarded by the lock of {@link FaultLog}.
 */
final class PageWaits {
    private final Vcpus vcpus;
    private final int vcpuCount;
    private final long[] faults;
    private final long[] waitedNanos;
    private final long[] longestNanos;
    private final int[] depth;
    private int[] threadIds = new int[0];
    private int blocked;
    private long allBlockedSince;
    private long blocktimeNanos;

    PageWaits(Vcpus vcpus) {
        this.vcpus = vcpus;
        this.vcpuCount = vcpus.count();
        this.faults = new long[vcpuCount + 1];
        this.waitedNanos = new long[vcpuCount + 1];
        this.longestNanos = new long[vcpuCount + 1];
        this.depth = new int[vcpuCount + 1];
    }

    void begins(int thread, long nanos) {
        int slot = slotOf(thread);
        faults[slot]++;
        depth[slot]++;
        if (slot < vcpuCount && depth[slot] == 1 && ++blocked == vcpuCount) {
            allBlockedSince = nanos;
        }
    }

    void ends(int thread, long sinceNanos, long nanos) {
        int slot = slotOf(thread);
        long waited = Math.max(0, nanos - sinceNanos);
        waitedNanos[slot] += waited;
        longestNanos[slot] = Math.max(longestNanos[slot], waited);
        if (depth[slot] > 0 && --depth[slot] == 0 && slot < vcpuCount && blocked-- == vcpuCount) {
            blocktimeNanos += Math.max(0, nanos - allBlockedSince);
        }
    }

    /** vCPU threads may be made after the first fault, so that an unknown one is looked up again. */
    private int slotOf(int thread) {
        int slot = find(thread);
        if (slot == vcpuCount && threadIds.length < vcpuCount) {
            threadIds = vcpus.threadIds();
            slot = find(thread);
        }
        return slot;
    }

    private int find(int thread) {
        for (int i = 0; i < threadIds.length && i < vcpuCount; i++) {
            if (threadIds[i] == thread && thread != 0) {
                return i;
            }
        }
        return vcpuCount;
    }

    /** Until now, a wait that goes on included. */
    long blocktimeNanos(long now) {
        return blocktimeNanos + (vcpuCount > 0 && blocked == vcpuCount ? Math.max(0, now - allBlockedSince) : 0);
    }

    List<PostcopyStatistics.VcpuWait> snapshot() {
        List<PostcopyStatistics.VcpuWait> snapshot = new ArrayList<>();
        for (int slot = 0; slot <= vcpuCount; slot++) {
            if (faults[slot] > 0) {
                int vcpu = slot == vcpuCount ? -1 : slot;
                snapshot.add(
                        new PostcopyStatistics.VcpuWait(vcpu, faults[slot], waitedNanos[slot], longestNanos[slot]));
            }
        }
        return snapshot;
    }
}
