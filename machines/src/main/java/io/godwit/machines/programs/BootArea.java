// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.programs;

import io.godwit.linux.memory.NativeMemory;

/**
 * The first 2 MiB of guest RAM, and what a guest is before it starts. The rest is working memory.
 *
 * <pre>
 * 0x001000  code of the first four programs, 1 KiB each
 * 0x002000  page map (one entry), page directory pointers (one entry for each GiB)
 * 0x004000  code of the service, in guests that run it
 * 0x010000  page directories: 2 MiB pages, guest-virtual = guest-physical, writable from ring 3
 * 0x180000  control blocks, one page for each vCPU
 * 0x1c0000  hint rings, one page for each vCPU
 * 0x200000  working memory
 * </pre>
 */
public final class BootArea {
    private static final long CODE = 0x1000;
    private static final long CODE_STRIDE = 0x400;
    private static final long SERVICE_CODE = 0x4000;
    private static final long DIRECTORY_POINTERS = 0x3000;
    private static final long DIRECTORIES = 0x10000;
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
        return program == GuestProgram.SERVICE ? SERVICE_CODE : CODE + program.code() * CODE_STRIDE;
    }

    /**
     * Makes {@code ram} a guest that is about to start: code, page tables, control blocks, fill, and the stamps of its
     * pages.
     */
    public static void install(NativeMemory ram, int vcpus, Workload workload) {
        long byteLength = ram.byteLength();
        if (byteLength % BootLayout.GRANULE != 0
                || byteLength < 2 * BootLayout.GRANULE
                || byteLength > BootLayout.MAX_BYTE_LENGTH) {
            throw new IllegalArgumentException(
                    "guest RAM is a multiple of 2 MiB from 4 MiB to 256 GiB, not %d bytes".formatted(byteLength));
        }
        writeCode(ram, workload);
        writePageTables(ram);
        if (workload.fill() == RamFill.RANDOM) {
            ram.fillRandom(BootLayout.BYTE_LENGTH, byteLength - BootLayout.BYTE_LENGTH, workload.seed());
        }
        long pages = workload.pageCount(byteLength);
        for (int vcpu = 0; vcpu < vcpus; vcpu++) {
            long first = workload.shareStart(pages, vcpu, vcpus);
            long count = workload.shareStart(pages, vcpu + 1, vcpus) - first;
            GuestProgram program = workload.programOf(vcpu, count);
            ControlBlock block = ControlBlock.of(ram, vcpu);
            if (program == GuestProgram.BALLOONER) {
                // Its share is a share of all memory, and what it rewrites lies at the start of that.
                long all = (byteLength - BootLayout.BYTE_LENGTH) >>> SHARE_SHIFT;
                first = workload.shareStart(all, vcpu, vcpus);
                long end = workload.shareStart(all, vcpu + 1, vcpus) - first;
                count = Math.min(count, end);
                block.put(ControlBlock.BASE_COUNT, count);
                block.put(ControlBlock.MAX_COUNT, count + (end - count) / 2);
                block.put(ControlBlock.END_COUNT, end);
            }
            writeControlBlock(block, workload, program, first, count, pages);
            if (program == GuestProgram.SERVICE) {
                ServiceLayout.install(ram, block, BootLayout.BYTE_LENGTH + (first << SHARE_SHIFT), count);
            }
            writeStamps(ram, workload, program, BootLayout.BYTE_LENGTH + (first << SHARE_SHIFT), count);
        }
    }

    private static void writeCode(NativeMemory ram, Workload workload) {
        for (GuestProgram program : GuestProgram.values()) {
            if (program == GuestProgram.SERVICE && workload.program() != program) {
                continue;
            }
            byte[] code = MachineCode.of(program);
            if (code.length > CODE_STRIDE) {
                throw new IllegalStateException(program + " has " + code.length + " bytes of code, too many");
            }
            ram.copyFrom(entryPoint(program), code, 0, code.length);
        }
    }

    private static void writePageTables(NativeMemory ram) {
        ram.putLongLE(BootLayout.PAGE_MAP, DIRECTORY_POINTERS | PRESENT_WRITABLE_USER);
        for (long gib = 0; gib * GIB < ram.byteLength(); gib++) {
            long directory = DIRECTORIES + gib * NativeMemory.PAGE_BYTES;
            ram.putLongLE(DIRECTORY_POINTERS + gib * Long.BYTES, directory | PRESENT_WRITABLE_USER);
            long end = Math.min(ram.byteLength(), (gib + 1) * GIB);
            for (long address = gib * GIB, entry = directory;
                    address < end;
                    address += BootLayout.GRANULE, entry += Long.BYTES) {
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
        block.put(ControlBlock.FIRST_ADDRESS, BootLayout.BYTE_LENGTH + (first << SHARE_SHIFT));
        block.put(ControlBlock.PAGE_COUNT, count);
        block.put(ControlBlock.RATE, BootLayout.fixedPointRate(share));
        block.put(ControlBlock.STEP, random ? SweepOrder.step(count) : 1);
        block.put(ControlBlock.SHIFT, random ? SweepOrder.shift(count) : 0);
        block.put(ControlBlock.BURST, rate == 0 ? BURST_UNLIMITED : BURST_PACED);
        block.put(ControlBlock.GENERATION, BootLayout.firstGeneration(program));
        block.put(ControlBlock.MAGIC, ControlBlock.MAGIC_VALUE);
    }

    private static void writeStamps(NativeMemory ram, Workload workload, GuestProgram program, long start, long count) {
        long generation = BootLayout.firstGeneration(program) - 1;
        for (long index = 0; index < count; index++) {
            long page = start + (index << SHARE_SHIFT);
            switch (program) {
                case IDLE, SERVICE -> {
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
