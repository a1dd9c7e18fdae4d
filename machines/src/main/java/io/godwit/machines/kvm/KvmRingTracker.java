// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.kvm;

import io.godwit.engine.memory.PageBitmap;
import io.godwit.engine.memory.RamBlock;
import io.godwit.linux.kvm.KvmVcpu;
import io.godwit.linux.kvm.KvmVm;
import io.godwit.linux.kvm.KvmVm.DirtyLogging;
import io.godwit.machines.programs.BootLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.LongConsumer;

/**
 * KVM's dirty rings. Whoever empties a ring, the harvesting thread or a vCPU whose ring is full, moves its pages into
 * the block's dirty bitmap; a lock keeps them apart, because a ring has one reader.
 */
final class KvmRingTracker implements KvmTracker {
    // LIMIT: 4096 pages a ring, 16 MiB: at 2.6 us a first write a vCPU fills it in 10 ms at the soonest.
    static final int RING_BYTES = 64 << 10;

    private static final int PAGES_AT_ONCE = 1024;

    private final KvmVm vm;
    private final List<KvmVcpu> vcpus;
    private final List<Slot> slots = new ArrayList<>();
    private final int[] numbers = new int[PAGES_AT_ONCE];
    private final long[] pages = new long[PAGES_AT_ONCE];
    private final long[] pagesOfVcpus = new long[BootLayout.MAX_VCPUS];

    private volatile LongConsumer calls = _ -> {};
    private boolean tracking;

    /** Gives the block to the guest as its memory from address 0, not logged. The list grows while vCPUs are made. */
    KvmRingTracker(KvmVm vm, RamBlock block, List<KvmVcpu> vcpus) {
        this.vm = vm;
        this.vcpus = vcpus;
        add(block, SLOT, 0);
    }

    /** One memory slot. */
    private final class Slot {
        private final RamBlock block;
        private final int number;
        private final long guestAddress;
        /** What was taken from the rings since the last harvest; the block's own bitmap changes in a harvest only. */
        private final PageBitmap drained;

        private long movedSinceHarvest;

        Slot(RamBlock block, int number, long guestAddress) {
            this.block = block;
            this.number = number;
            this.guestAddress = guestAddress;
            this.drained = new PageBitmap(block.pageCount());
        }

        void map(DirtyLogging logging) {
            vm.mapMemory(number, logging, guestAddress, block.memory().address(), block.usedLength());
        }

        void unmap() {
            vm.mapMemory(number, DirtyLogging.OFF, guestAddress, block.memory().address(), 0);
        }

        void mark(long page) {
            // An entry may be older than the slot, and be of the longer one that had its number.
            if (page < block.pageCount()) {
                drained.set(page);
                movedSinceHarvest++;
            }
        }

        Taken take() {
            long moved = movedSinceHarvest;
            movedSinceHarvest = 0;
            return new Taken(this, moved);
        }

        void forget() {
            drained.clearAll();
            movedSinceHarvest = 0;
        }
    }

    /** What a harvest has found in the rings and not yet moved. */
    private record Taken(Slot slot, long pages) {
        long moveTo(PageBitmap found) {
            for (int word = 0; word < slot.drained.wordCount(); word++) {
                found.or(word, slot.drained.fetchAndClear(word));
            }
            return pages;
        }
    }

    @Override
    public synchronized void add(RamBlock block, int number, long guestAddress) {
        Slot slot = new Slot(block, number, guestAddress);
        slot.map(tracking ? DirtyLogging.ON : DirtyLogging.OFF);
        slots.add(slot);
    }

    @Override
    public synchronized void remove(RamBlock block) {
        Optional<Slot> slot = slotOf(block);
        slot.ifPresent(Slot::unmap);
        slot.ifPresent(slots::remove);
    }

    private Optional<Slot> slotOf(RamBlock block) {
        return slots.stream().filter(slot -> slot.block == block).findFirst();
    }

    @Override
    public synchronized void start() {
        Arrays.fill(pagesOfVcpus, 0);
        slots.forEach(slot -> slot.map(DirtyLogging.ON));
        tracking = true;
    }

    @Override
    public long harvest(RamBlock harvested, PageBitmap found) {
        // The slot's bitmap is moved outside the lock, for which a vCPU waits whose ring is full.
        return take(harvested).map(taken -> taken.moveTo(found)).orElse(0L);
    }

    private synchronized Optional<Taken> take(RamBlock harvested) {
        if (!tracking) {
            throw new IllegalStateException("the dirty rings of " + harvested.idstr() + " are not switched on");
        }
        drain();
        return slotOf(harvested).map(Slot::take);
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
                count = vcpu.harvestDirtyRing(numbers, pages);
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
        Slot slot = slots.getFirst();
        for (int i = 0; i < count; i++) {
            if (slot.number != numbers[i]) {
                slot = numbered(numbers[i]);
            }
            if (slot.number == numbers[i]) {
                slot.mark(pages[i]);
            }
        }
    }

    /** The slot of this number, or another one if there is none any more. */
    private Slot numbered(int number) {
        for (Slot slot : slots) {
            if (slot.number == number) {
                return slot;
            }
        }
        return slots.getFirst();
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
            slots.forEach(slot -> slot.map(DirtyLogging.OFF));
            // What is left in the rings would be told to the next one who starts.
            drain();
            slots.forEach(Slot::forget);
        }
    }

    @Override
    public String description() {
        return "kvm dirty rings";
    }

    @Override
    public void close() {}
}
