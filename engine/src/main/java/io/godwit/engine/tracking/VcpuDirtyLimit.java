// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.tracking;

import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.policy.DirtyLimit;

/**
 * The limit of one vCPU.
 *
 * @param vcpu its number
 * @param mebibytesPerSecond what it may dirty
 * @param currentMebibytesPerSecond what it dirtied in the latest period
 */
public record VcpuDirtyLimit(int vcpu, long mebibytesPerSecond, long currentMebibytesPerSecond) {
    private static final double PAGES_IN_MEBIBYTE = (1 << 20) / (double) RamBlock.PAGE_BYTES;

    /** The same with what it dirtied in another period. */
    VcpuDirtyLimit measured(double pagesPerSecond) {
        return new VcpuDirtyLimit(vcpu, mebibytesPerSecond, (long) (pagesPerSecond / PAGES_IN_MEBIBYTE));
    }

    /**
     * How much of its time the vCPU has to lose.
     *
     * @param pagesPerSecond what it dirtied while it lost {@code percentBefore}
     * @return percent, 0 to 99
     */
    int percent(double pagesPerSecond, int percentBefore) {
        // What it would dirty with all of its time.
        double wanted = pagesPerSecond * 100 / (100 - percentBefore);
        return DirtyLimit.percent(wanted, mebibytesPerSecond * PAGES_IN_MEBIBYTE);
    }
}
