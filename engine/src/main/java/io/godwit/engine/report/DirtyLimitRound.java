// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.report;

/**
 * What {@code dirty-limit} does to the guest, in QEMU's measure: a round is the time in which a vCPU fills its dirty
 * ring, of {@link #RING_PAGES} pages whatever tracks the guest.
 *
 * @param throttleMicros for how long the vCPU that loses most stands still in a round
 * @param ringFullMicros how long a round lasts at the mean rate of all vCPUs; 0 if the guest dirties nothing
 */
public record DirtyLimitRound(long throttleMicros, long ringFullMicros) {
    /** KVM's rings have so many here. */
    public static final int RING_PAGES = 4096;

    /**
     * The figures of one period.
     *
     * @param vcpuPages what each vCPU dirtied
     * @param before percent of its time that each lost meanwhile
     * @param now percent that each loses from now on
     */
    public static DirtyLimitRound of(long nanos, long[] vcpuPages, int[] before, int[] now) {
        double throttle = 0;
        double all = 0;
        for (int vcpu = 0; vcpu < vcpuPages.length; vcpu++) {
            all += vcpuPages[vcpu];
            if (vcpuPages[vcpu] > 0) {
                double runs = microsToFill(nanos, (double) vcpuPages[vcpu]) * (100 - before[vcpu]) / 100;
                throttle = Math.max(throttle, runs * now[vcpu] / (100 - now[vcpu]));
            }
        }
        return new DirtyLimitRound((long) throttle, all == 0 ? 0 : (long) microsToFill(nanos, all / vcpuPages.length));
    }

    private static double microsToFill(long nanos, double pages) {
        return RING_PAGES / pages * nanos / 1000;
    }
}
