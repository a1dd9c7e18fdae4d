// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.programs;

import io.godwit.linux.memory.NativeMemory;

/**
 * Where things are at the bottom of guest RAM, and the units in which programs are told their work. What is written
 * there before a guest starts is {@link BootArea}.
 */
public final class BootLayout {
    /** Length of the boot area. */
    public static final long BYTE_LENGTH = 2L << 20;

    /** Guest-physical address of the page map, for CR3. */
    public static final long PAGE_MAP = 0x2000;

    /** RAM is a multiple of this. */
    public static final long GRANULE = 2L << 20;

    // LIMIT: the page directories end before the control blocks: 256 GiB need 1 MiB of them.
    /** The longest RAM. */
    public static final long MAX_BYTE_LENGTH = 256L << 30;

    // LIMIT: control blocks end before working memory.
    /** The most vCPUs. */
    public static final int MAX_VCPUS = 64;

    /** The highest rate in pages a second that fits the fixed-point field. */
    public static final long MAX_PAGES_PER_SECOND = 1_000_000_000;

    /** Length of a tick. */
    public static final long TICK_NANOS = 100_000;

    private static final long TICKS_PER_SECOND = 1_000_000_000 / TICK_NANOS;
    private static final long CONTROL_BLOCKS = 0x180000;
    private static final long HINT_RINGS = CONTROL_BLOCKS + 0x40000;

    private BootLayout() {}

    /** Where a vCPU's control block starts. */
    public static long controlBlockOffset(int vcpu) {
        if (vcpu < 0 || vcpu >= MAX_VCPUS) {
            throw new IllegalArgumentException("vCPUs have numbers from 0 to " + (MAX_VCPUS - 1) + ", not " + vcpu);
        }
        return CONTROL_BLOCKS + (long) vcpu * NativeMemory.PAGE_BYTES;
    }

    /** Where a vCPU's hint ring starts. */
    static long hintRingOffset(int vcpu) {
        return controlBlockOffset(vcpu) - CONTROL_BLOCKS + HINT_RINGS;
    }

    /** The first sweep after boot. What it expects to find has one less. */
    public static long firstGeneration(GuestProgram program) {
        // A stamp of 0 would not tell a lost page from a page of the first sweep; bytes of a stepper must fit zeroed
        // RAM.
        return switch (program) {
            case DIRTIER, BALLOONER -> 2;
            case IDLE, STEPPER, SERVICE -> 1;
        };
    }

    static long fixedPointRate(long pagesPerSecond) {
        if (pagesPerSecond < 0 || pagesPerSecond > MAX_PAGES_PER_SECOND) {
            throw new IllegalArgumentException("a rate is from 0 (unlimited) to %d pages/s, not %d"
                    .formatted(MAX_PAGES_PER_SECOND, pagesPerSecond));
        }
        return pagesPerSecond == 0 ? 0 : Math.max(1, (pagesPerSecond << 32) / TICKS_PER_SECOND);
    }
}
