// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.guest;

import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.memory.RamBlocks;
import io.godwit.linux.memory.Advice;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.machines.programs.BootArea;
import io.godwit.machines.programs.ControlBlock;
import io.godwit.machines.programs.Mismatch;
import io.godwit.machines.programs.TouchCounts;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * The RAM of a machine, one block, and what the program keeps in it. Any thread may ask; the machine closes it last.
 */
public final class GuestRam implements AutoCloseable {
    private final NativeMemory memory;
    private final RamBlock block;
    private final RamBlocks blocks;
    private final List<ControlBlock> controlBlocks = new ArrayList<>();
    private final List<VcpuFigures> figures = new ArrayList<>();

    /**
     * Maps the RAM, and fills it if the guest starts here.
     *
     * @throws UnsupportedOperationException there are too few huge pages
     */
    public GuestRam(GuestOptions options, Origin origin) {
        memory = options.pages().map(Machine.RAM_BLOCK, options.memoryBytes());
        if (options.pages() == HostPages.ORDINARY) {
            memory.advise(0, options.memoryBytes(), Advice.HUGEPAGE);
        }
        block = new RamBlock(Machine.RAM_BLOCK, memory, options.pages().byteLength());
        blocks = new RamBlocks(List.of(block));
        for (int vcpu = 0; vcpu < options.cpus(); vcpu++) {
            controlBlocks.add(ControlBlock.of(memory, vcpu));
            figures.add(new VcpuFigures(block, vcpu));
        }
        if (origin == Origin.BOOT) {
            BootArea.install(memory, options.cpus(), options.workload());
        }
    }

    /** The one block. */
    public RamBlock block() {
        return block;
    }

    /** The list of the one block. */
    public RamBlocks blocks() {
        return blocks;
    }

    /** What each vCPU's program knows. */
    public List<ControlBlock> controlBlocks() {
        return controlBlocks;
    }

    /** Heartbeats as the programs count them. */
    public long guestBeats() {
        return figures.stream().mapToLong(VcpuFigures::beats).sum();
    }

    /** Pages rewritten by all vCPUs, as far as is known here; never waits for memory. */
    public long workPages() {
        return figures.stream().mapToLong(VcpuFigures::workPages).sum();
    }

    /** Pages rewritten by each vCPU, as far as is known here; never waits for memory. */
    public long[] vcpuWorkPages() {
        return figures.stream().mapToLong(VcpuFigures::workPages).toArray();
    }

    /** Mismatches found by all vCPUs, as far as is known here; never waits for memory. */
    public long mismatches() {
        return figures.stream().mapToLong(VcpuFigures::mismatches).sum();
    }

    /** The first mismatch of the first vCPU that has one; never waits for memory. */
    public Optional<Mismatch> firstMismatch() {
        return figures.stream().flatMap(vcpu -> vcpu.firstMismatch().stream()).findFirst();
    }

    /**
     * The stepper's counts of all vCPUs, by {@link TouchCounts}' buckets, as far as they are known here; never waits
     * for memory.
     */
    public long[] touches() {
        long[] all = new long[0];
        for (VcpuFigures vcpu : figures) {
            long[] one = vcpu.touches();
            all = Arrays.copyOf(all, Math.max(all.length, one.length));
            for (int bucket = 0; bucket < one.length; bucket++) {
                all[bucket] += one[bucket];
            }
        }
        return all;
    }

    /**
     * Changes the program's rate, split among the vCPUs, and marks what that writes.
     *
     * @throws io.godwit.engine.outcome.MigrationException.Refused a page that holds a rate has yet to arrive
     */
    public void pagesPerSecond(long rate) {
        long share = rate == 0 ? 0 : Math.max(1, rate / figures.size());
        figures.forEach(vcpu -> vcpu.pagesPerSecond(share));
    }

    @Override
    public void close() {
        memory.close();
    }
}
