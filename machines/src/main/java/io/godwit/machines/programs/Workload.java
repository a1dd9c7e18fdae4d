// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.programs;

import io.godwit.linux.memory.NativeMemory;

/**
 * What a guest does.
 *
 * @param program the program of every vCPU
 * @param workingSetBytes what the dirtier and the ballooner rewrite, and what the service keeps its tables in (1 MiB or
 * more), cut to the RAM there is; others take no notice
 * @param pagesPerSecond of all vCPUs together; 0 is unlimited
 * @param order how a sweep goes
 * @param fill what RAM holds at first
 * @param seed for the random fill
 * @param firstVcpuPercent how much of the working set is the first vCPU's, and by that of the rate, 1 to 99 %; the
 * others share the rest. 0: all have the same
 * @param mute whether the host may ask for free pages although the program is none that answers
 */
public record Workload(
        GuestProgram program,
        long workingSetBytes,
        long pagesPerSecond,
        WriteOrder order,
        RamFill fill,
        long seed,
        int firstVcpuPercent,
        boolean mute) {
    /** Checks ranges. */
    public Workload {
        if (firstVcpuPercent < 0 || firstVcpuPercent > 99) {
            throw new IllegalArgumentException(
                    "a first vCPU's share is 1 to 99 percent, or 0 for an equal one, not " + firstVcpuPercent);
        }
        if (workingSetBytes < 0) {
            throw new IllegalArgumentException("a working set cannot have " + workingSetBytes + " bytes");
        }
        long _ = BootLayout.fixedPointRate(pagesPerSecond);
    }

    /** One whose vCPUs all do the same, and which tells of free pages if its program does. */
    public Workload(
            GuestProgram program,
            long workingSetBytes,
            long pagesPerSecond,
            WriteOrder order,
            RamFill fill,
            long seed) {
        this(program, workingSetBytes, pagesPerSecond, order, fill, seed, 0, false);
    }

    /** The same with another share of the first vCPU's. */
    public Workload withFirstVcpuPercent(int other) {
        return new Workload(program, workingSetBytes, pagesPerSecond, order, fill, seed, other, mute);
    }

    /** The same, asked for free pages in vain or not. */
    public Workload withMute(boolean other) {
        return new Workload(program, workingSetBytes, pagesPerSecond, order, fill, seed, firstVcpuPercent, other);
    }

    /** The program of a vCPU whose share has so many pages. */
    GuestProgram programOf(int vcpu, long pages) {
        boolean works = pages > 0 && (program != GuestProgram.SERVICE || vcpu == 0);
        return works ? program : GuestProgram.IDLE;
    }

    /** Where the share of a vCPU begins in {@code pages} pages; where the last one's ends for {@code vcpu == vcpus}. */
    long shareStart(long pages, int vcpu, int vcpus) {
        if (program == GuestProgram.SERVICE) {
            return vcpu == 0 ? 0 : pages;
        }
        if (firstVcpuPercent == 0 || vcpus == 1 || vcpu == 0) {
            return pages * vcpu / vcpus;
        }
        long first = pages * firstVcpuPercent / 100;
        return first + (pages - first) * (vcpu - 1) / (vcpus - 1);
    }

    /** How many pages the program rewrites in RAM of a given length. */
    long pageCount(long ramByteLength) {
        long working = ramByteLength - BootLayout.BYTE_LENGTH;
        long bytes = switch (program) {
            case IDLE -> 0;
            case DIRTIER, BALLOONER -> Math.min(workingSetBytes, working);
            case SERVICE -> Math.clamp(workingSetBytes, ServiceLayout.MIN_BYTES, working);
            case STEPPER -> working;
        };
        return bytes / NativeMemory.PAGE_BYTES;
    }
}
