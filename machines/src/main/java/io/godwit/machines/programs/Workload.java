// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.programs;

import io.godwit.linux.memory.NativeMemory;

/**
 * What a guest does.
 *
 * @param program the program of every vCPU
 * @param workingSetBytes what the dirtier and the ballooner rewrite, cut to the RAM there is; others take no notice
 * @param pagesPerSecond of all vCPUs together; 0 is unlimited
 * @param order how a sweep goes
 * @param fill what RAM holds at first
 * @param seed for the random fill
 */
public record Workload(
        GuestProgram program, long workingSetBytes, long pagesPerSecond, WriteOrder order, RamFill fill, long seed) {
    /** Checks ranges. */
    public Workload {
        if (workingSetBytes < 0) {
            throw new IllegalArgumentException("a working set cannot have " + workingSetBytes + " bytes");
        }
        long _ = BootArea.fixedPointRate(pagesPerSecond);
    }

    /** How many pages the program rewrites in RAM of a given length. */
    long pageCount(long ramByteLength) {
        long working = ramByteLength - BootArea.BYTE_LENGTH;
        long bytes = switch (program) {
            case IDLE -> 0;
            case DIRTIER, BALLOONER -> Math.min(workingSetBytes, working);
            case STEPPER -> working;
        };
        return bytes / NativeMemory.PAGE_BYTES;
    }
}
