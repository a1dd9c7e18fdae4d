// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.kvm;

import io.godwit.engine.memory.DirtyBitmap;
import io.godwit.engine.memory.RamBlock;
import io.godwit.linux.kvm.KvmVcpu;
import io.godwit.linux.kvm.KvmVm;
import io.godwit.linux.kvm.KvmVm.DirtyLogging;
import io.godwit.machines.programs.BootArea;
import java.util.Arrays;
import java.util.List;
import java.util.function.LongConsumer;

/**
 * KVM's dirty rings. Whoever empties a ring, the harvesting thread or a vCPU whose ring is full, moves its pages into the block's
 * dirty bitmap; a lock keeps them apart, because a ring has one reader.
 */
final class KvmRingTracker implements KvmTracker {
    // LIMIT: 4096 pages a ring, 16 MiB: at 2.6 us a first write a vCPU fills it in 10 ms at the soonest.
    static final int RING_BYTES = 64 << 10;

    private static final int PAGES_AT_ONCE = 1024;

    private final KvmVm vm;
    private final RamBlock block;
    private final List<KvmVcpu> vcpus;
    private final long[] pages = new long[PAGES_AT_ONCE];
    private final long[] pagesOfVcpus = new long[BootArea.MAX_VCPUS];
    /** What was taken from the rings since the last harvest; the block's own bitmap changes in a harvest only. */
    private final DirtyBitmap drained;

    private volatile LongConsumer calls = _ -> {};
    private long movedSinceHarvest;
    private boolean tracking;

    /** Gives the block to the guest as its memory from address 0, not logged. The list grows while vCPUs are made. */
    KvmRingTracker(KvmVm vm, RamBlock block, List<KvmVcpu> vcpus) {
        this.vm = vm;
        this.block = block;
        this.vcpus = vcpus;
        this.drained = new DirtyBitmap(block.pageCount());
        map(DirtyLogging.OFF);
    }

    @Override
    public synchronized void start() {
        Arrays.fill(pagesOfVcpus, 0);
        map(DirtyLogging.ON);
        tracking = true;
    }

    @Override
    public long harvest(RamBlock harvested) {
        if (harvested != block) {
            throw new IllegalArgumentException(
                    "this tracker knows " + block.idstr() + " only, not " + harvested.idstr());
        }
        long moved = take();
        // Outside the lock, for which a vCPU waits whose ring is full.
        for (int word = 0; word < drained.wordCount(); word++) {
            block.dirtyBitmap().or(word, drained.fetchAndClear(word));
        }
        return moved;
    }

    private synchronized long take() {
        if (!tracking) {
            throw new IllegalStateException("the dirty rings of " + block.idstr() + " are not switched on");
        }
        drain();
        long moved = movedSinceHarvest;
        movedSinceHarvest = 0;
        return moved;
    }

    @Override
    public void watchCalls(LongConsumer nanos) {
        calls = nanos;
    }

    @Override
    public synchronized void ringFull() {
        drain();
    }

    private void drain() {
        for (KvmVcpu vcpu : vcpus) {
            int count;
            do {
                count = vcpu.harvestDirtyRing(SLOT, pages);
                if (count > 0) {
                    // ORDERING: pages are protected before anybody may copy them, or a write in between would be in no
                    // ring.
                    long begin = System.nanoTime();
                    int _ = vm.resetDirtyRings();
                    calls.accept(System.nanoTime() - begin);
                    mark(count);
                    pagesOfVcpus[vcpu.index()] += count;
                }
            } while (count == pages.length);
        }
    }

    private void mark(int count) {
        for (int i = 0; i < count; i++) {
            drained.set(pages[i]);
        }
        movedSinceHarvest += count;
    }

    @Override
    public synchronized long[] vcpuPages() {
        if (tracking) {
            drain();
        }
        return Arrays.copyOf(pagesOfVcpus, vcpus.size());
    }

    @Override
    public synchronized void stop() {
        if (tracking) {
            tracking = false;
            map(DirtyLogging.OFF);
            // What is left in the rings would be told to the next one who starts.
            drain();
            drained.clearAll();
            movedSinceHarvest = 0;
        }
    }

    @Override
    public String description() {
        return "kvm dirty rings";
    }

    private void map(DirtyLogging logging) {
        vm.mapMemory(SLOT, logging, 0, block.memory().address(), block.usedLength());
    }

    @Override
    public void close() {}
}
