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
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** The RAM of a machine, one block, and what the program keeps in it. Any thread may ask; the machine closes it last. */
public final class GuestRam implements AutoCloseable {
    private final NativeMemory memory;
    private final RamBlock block;
    private final RamBlocks blocks;
    private final List<ControlBlock> controlBlocks = new ArrayList<>();

    /** Maps the RAM, and fills it if the guest starts here. */
    public GuestRam(GuestOptions options, Origin origin) {
        memory = NativeMemory.mapAnonymous(options.memoryBytes());
        memory.advise(0, options.memoryBytes(), Advice.HUGEPAGE);
        memory.advise(0, options.memoryBytes(), Advice.DONTFORK);
        memory.advise(0, options.memoryBytes(), Advice.DONTDUMP);
        block = new RamBlock(Machine.RAM_BLOCK, memory);
        blocks = new RamBlocks(List.of(block));
        for (int vcpu = 0; vcpu < options.cpus(); vcpu++) {
            controlBlocks.add(ControlBlock.of(memory, vcpu));
        }
        if (origin == Origin.BOOT) {
            BootArea.install(memory, options.cpus(), options.workload());
        }
    }

    /** The bytes. */
    public NativeMemory memory() {
        return memory;
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

    /** Pages rewritten by all vCPUs. */
    public long workPages() {
        return controlBlocks.stream().mapToLong(ControlBlock::workPages).sum();
    }

    /** Mismatches found by all vCPUs. */
    public long mismatches() {
        return controlBlocks.stream().mapToLong(ControlBlock::mismatches).sum();
    }

    /** The first mismatch of the first vCPU that has one. */
    public Optional<Mismatch> firstMismatch() {
        return controlBlocks.stream()
                .filter(vcpu -> vcpu.mismatches() > 0)
                .map(ControlBlock::firstMismatch)
                .findFirst();
    }

    /** Changes the program's rate, split among the vCPUs, and marks what that writes. */
    public void pagesPerSecond(long rate) {
        for (int vcpu = 0; vcpu < controlBlocks.size(); vcpu++) {
            long share = rate == 0 ? 0 : Math.max(1, rate / controlBlocks.size());
            controlBlocks.get(vcpu).pagesPerSecond(share);
            block.dirtyBitmap().set(BootArea.controlBlockOffset(vcpu) / RamBlock.PAGE_BYTES);
        }
    }

    @Override
    public void close() {
        memory.close();
    }
}
