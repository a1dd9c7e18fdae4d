// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.programs;

import io.godwit.linux.memory.NativeMemory;

/**
 * The first 2 MiB of guest RAM, and what a guest is before it starts. The rest is working memory.
 *
 * <pre>
 * 0x001000  code of the four programs, 1 KiB each
 * 0x002000  page map (one entry), page directory pointers (one entry for each GiB)
 * 0x010000  page directories: 2 MiB pages, guest-virtual = guest-physical, writable from ring 3
 * 0x180000  control blocks, one page for each vCPU
 * 0x1c0000  hint rings, one page for each vCPU
 * 0x200000  working memory
 * </pre>
 */
public final class BootArea {
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
    private static final long CODE = 0x1000;
    private static final long CODE_STRIDE = 0x400;
    private static final long DIRECTORY_POINTERS = 0x3000;
    private static final long DIRECTORIES = 0x10000;
    private static final long CONTROL_BLOCKS = 0x180000;
    private static final long HINT_RINGS = CONTROL_BLOCKS + 0x40000;
    private static final long PRESENT_WRITABLE_USER = 7;
    private static final long LARGE = 0x80;
    private static final long GIB = 1L << 30;

    // LIMIT: 64 pages under dirty logging take 0.2 ms, so a beat is never late for the program's own sake.
    private static final long BURST_PACED = 64;
    private static final long BURST_UNLIMITED = 128;

    private static final int SHARE_SHIFT = 12;

    private BootArea() {}

    /** Where a program starts. */
    public static long entryPoint(GuestProgram program) {
        return CODE + program.code() * CODE_STRIDE;
    }

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
            case IDLE, STEPPER -> 1;
        };
    }

    static long fixedPointRate(long pagesPerSecond) {
        if (pagesPerSecond < 0 || pagesPerSecond > MAX_PAGES_PER_SECOND) {
            throw new IllegalArgumentException("a rate is from 0 (unlimited) to %d pages/s, not %d"
                    .formatted(MAX_PAGES_PER_SECOND, pagesPerSecond));
        }
        return pagesPerSecond == 0 ? 0 : Math.max(1, (pagesPerSecond << 32) / TICKS_PER_SECOND);
    }

    /**
     * Makes {@code ram} a guest that is about to start: code, page tables, control blocks, fill, and the stamps of its
     * pages.
     */
    public static void install(NativeMemory ram, int vcpus, Workload workload) {
        long byteLength = ram.byteLength();
        if (byteLength % GRANULE != 0 || byteLength < 2 * GRANULE || byteLength > MAX_BYTE_LENGTH) {
            throw new IllegalArgumentException(
                    "guest RAM is a multiple of 2 MiB from 4 MiB to 256 GiB, not %d bytes".formatted(byteLength));
        }
        writeCode(ram);
        writePageTables(ram);
        if (workload.fill() == RamFill.RANDOM) {
            ram.fillRandom(BYTE_LENGTH, byteLength - BYTE_LENGTH, workload.seed());
        }
        long pages = workload.pageCount(byteLength);
        for (int vcpu = 0; vcpu < vcpus; vcpu++) {
            long first = workload.shareStart(pages, vcpu, vcpus);
            long count = workload.shareStart(pages, vcpu + 1, vcpus) - first;
            GuestProgram program = count == 0 ? GuestProgram.IDLE : workload.program();
            ControlBlock block = ControlBlock.of(ram, vcpu);
            if (program == GuestProgram.BALLOONER) {
                // Its share is a share of all memory, and what it rewrites lies at the start of that.
                long all = (byteLength - BYTE_LENGTH) >>> SHARE_SHIFT;
                first = workload.shareStart(all, vcpu, vcpus);
                long end = workload.shareStart(all, vcpu + 1, vcpus) - first;
                count = Math.min(count, end);
                block.put(ControlBlock.BASE_COUNT, count);
                block.put(ControlBlock.MAX_COUNT, count + (end - count) / 2);
                block.put(ControlBlock.END_COUNT, end);
            }
            writeControlBlock(block, workload, program, first, count, pages);
            writeStamps(ram, workload, program, BYTE_LENGTH + (first << SHARE_SHIFT), count);
        }
    }

    private static void writeCode(NativeMemory ram) {
        for (GuestProgram program : GuestProgram.values()) {
            byte[] code = MachineCode.of(program);
            if (code.length > CODE_STRIDE) {
                throw new IllegalStateException(program + " has " + code.length + " bytes of code, too many");
            }
            ram.copyFrom(entryPoint(program), code, 0, code.length);
        }
    }

    private static void writePageTables(NativeMemory ram) {
        ram.putLongLE(PAGE_MAP, DIRECTORY_POINTERS | PRESENT_WRITABLE_USER);
        for (long gib = 0; gib * GIB < ram.byteLength(); gib++) {
            long directory = DIRECTORIES + gib * NativeMemory.PAGE_BYTES;
            ram.putLongLE(DIRECTORY_POINTERS + gib * Long.BYTES, directory | PRESENT_WRITABLE_USER);
            long end = Math.min(ram.byteLength(), (gib + 1) * GIB);
            for (long address = gib * GIB, entry = directory; address < end; address += GRANULE, entry += Long.BYTES) {
                ram.putLongLE(entry, address | LARGE | PRESENT_WRITABLE_USER);
            }
        }
    }

    private static void writeControlBlock(
            ControlBlock block, Workload workload, GuestProgram program, long first, long count, long pages) {
        long rate = workload.pagesPerSecond();
        long share = rate == 0 || count == 0 ? 0 : Math.max(1, rate * count / pages);
        // The ballooner's pages become more and fewer, which only a plain sweep survives.
        boolean random = workload.order() == WriteOrder.RANDOM && program != GuestProgram.BALLOONER;
        block.put(ControlBlock.PROGRAM, program.code());
        block.put(ControlBlock.FIRST_ADDRESS, BYTE_LENGTH + (first << SHARE_SHIFT));
        block.put(ControlBlock.PAGE_COUNT, count);
        block.put(ControlBlock.RATE, fixedPointRate(share));
        block.put(ControlBlock.STEP, random ? SweepOrder.step(count) : 1);
        block.put(ControlBlock.SHIFT, random ? SweepOrder.shift(count) : 0);
        block.put(ControlBlock.BURST, rate == 0 ? BURST_UNLIMITED : BURST_PACED);
        block.put(ControlBlock.GENERATION, firstGeneration(program));
        block.put(ControlBlock.MAGIC, ControlBlock.MAGIC_VALUE);
    }

    private static void writeStamps(NativeMemory ram, Workload workload, GuestProgram program, long start, long count) {
        long generation = firstGeneration(program) - 1;
        for (long index = 0; index < count; index++) {
            long page = start + (index << SHARE_SHIFT);
            switch (program) {
                case IDLE -> {
                    return;
                }
                case DIRTIER, BALLOONER -> {
                    ram.putLongLE(page, generation << 32 | index);
                    ram.putLongLE(page + NativeMemory.PAGE_BYTES - Long.BYTES, generation << 32 | index);
                }
                case STEPPER -> {
                    if (workload.fill() == RamFill.ZERO) {
                        return;
                    }
                    ram.putByte(page, (byte) generation);
                }
            }
        }
    }
}
