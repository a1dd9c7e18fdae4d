// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.programs;

/**
 * The buckets in which the stepper counts how long touches of pages took, in cycles of the vCPU's time stamp counter:
 * from 16 on, sixteen for each doubling. The last bucket also has all that took longer.
 */
public final class TouchCounts {
    private static final int SUB_BITS = 4;

    private TouchCounts() {}

    /** The most cycles that a bucket counts, the last one apart. */
    public static long upToCycles(int bucket) {
        int doubling = bucket >> SUB_BITS;
        long sub = bucket & ((1 << SUB_BITS) - 1);
        return (((1L << SUB_BITS) + sub + 1) << doubling) - 1;
    }
}
