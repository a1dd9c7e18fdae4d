// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.kvm;

import io.godwit.engine.memory.PageBitmap;
import io.godwit.engine.memory.RamBlock;
import io.godwit.linux.kvm.KvmDirtyLog;
import io.godwit.linux.kvm.KvmVm;
import io.godwit.linux.kvm.KvmVm.DirtyLogging;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.LongConsumer;

/** KVM's dirty log of the guest's memory slots. It knows what vCPUs write, not what the host writes. */
final class KvmDirtyTracker implements KvmTracker {
    // LIMIT: 64 MiB at a time, so that vCPUs which fault meanwhile wait 0.1 ms for the kernel's lock and not several.
    private static final int WORDS_AT_ONCE = 256;

    private final KvmVm vm;
    private final Map<RamBlock, Slot> slots = new ConcurrentHashMap<>();
    /** Keeps starting and stopping apart from blocks that come and go. No harvest takes it. */
    private final ReentrantLock lock = new ReentrantLock();

    private volatile LongConsumer calls = _ -> {};
    private volatile boolean tracking;

    /** Gives the block to the guest as its memory from address 0, not logged. */
    KvmDirtyTracker(KvmVm vm, RamBlock block) {
        this.vm = vm;
        add(block, SLOT, 0);
    }

    /** One memory slot with its log. Its lock keeps the slot while it is harvested. */
    private final class Slot {
        private final RamBlock block;
        private final int number;
        private final long guestAddress;
        private final KvmDirtyLog log;
        private final ReentrantLock use = new ReentrantLock();
        private boolean gone;

        Slot(RamBlock block, int number, long guestAddress) {
            this.block = block;
            this.number = number;
            this.guestAddress = guestAddress;
            this.log = vm.dirtyLog(number, block.pageCount());
        }

        void map(DirtyLogging logging) {
            vm.mapMemory(number, logging, guestAddress, block.memory().address(), block.usedLength());
        }

        void unmap() {
            use.lock();
            try {
                gone = true;
                vm.mapMemory(
                        number, DirtyLogging.OFF, guestAddress, block.memory().address(), 0);
                log.close();
            } finally {
                use.unlock();
            }
        }

        long harvest(PageBitmap found) {
            use.lock();
            try {
                if (gone) {
                    return 0;
                }
                log.fetch();
                long pages = 0;
                for (int first = 0; first < log.wordCount(); first += WORDS_AT_ONCE) {
                    pages += harvest(first, Math.min(WORDS_AT_ONCE, log.wordCount() - first), found);
                }
                return pages;
            } finally {
                use.unlock();
            }
        }

        /** Keeps the slot until it is closed, for all threads that take from it meanwhile. */
        Harvest beginHarvest() {
            use.lock();
            try {
                if (gone) {
                    use.unlock();
                    return Harvest.TAKEN;
                }
                log.fetch();
            } catch (RuntimeException | Error e) {
                use.unlock();
                throw e;
            }
            return new SlotHarvest(this);
        }

        private long harvest(int firstWord, int count, PageBitmap found) {
            long pages = 0;
            try {
                arm(firstWord, count);
            } finally {
                for (int i = firstWord; i < firstWord + count; i++) {
                    long word = log.word(i);
                    pages += Long.bitCount(word);
                    found.or(i, word);
                }
            }
            return pages;
        }

        private void arm(int firstWord, int count) {
            if (!log.isClear(firstWord, count)) {
                // ORDERING: pages are protected before anybody may copy them, or a write in between would be in no log.
                long begin = System.nanoTime();
                log.clear(firstWord, count);
                calls.accept(System.nanoTime() - begin);
            }
        }
    }

    private record SlotHarvest(Slot slot) implements Harvest {
        @Override
        public boolean isClear(int firstWord, int count) {
            return slot.log.isClear(firstWord, count);
        }

        @Override
        public long word(int word) {
            return slot.log.word(word);
        }

        @Override
        public void arm(int firstWord, int count) {
            for (int done = 0; done < count; done += WORDS_AT_ONCE) {
                slot.arm(firstWord + done, Math.min(WORDS_AT_ONCE, count - done));
            }
        }

        @Override
        public void close() {
            slot.use.unlock();
        }
    }

    @Override
    public void add(RamBlock block, int number, long guestAddress) {
        lock.lock();
        try {
            Slot slot = new Slot(block, number, guestAddress);
            try {
                slot.map(tracking ? DirtyLogging.ON : DirtyLogging.OFF);
            } catch (RuntimeException | Error e) {
                slot.log.close();
                throw e;
            }
            Slot _ = slots.put(block, slot);
        } finally {
            lock.unlock();
        }
    }

    @Override
    public void remove(RamBlock block) {
        lock.lock();
        try {
            Optional.ofNullable(slots.remove(block)).ifPresent(Slot::unmap);
        } finally {
            lock.unlock();
        }
    }

    @Override
    public void start() {
        lock.lock();
        try {
            // Before they are logged, so that stop() undoes it if one of them cannot be.
            tracking = true;
            slots.values().forEach(slot -> slot.map(DirtyLogging.ON));
        } finally {
            lock.unlock();
        }
    }

    @Override
    public long harvest(RamBlock harvested, PageBitmap found) {
        if (!tracking) {
            throw new IllegalStateException("the dirty log of " + harvested.idstr() + " is not switched on");
        }
        return Optional.ofNullable(slots.get(harvested))
                .map(slot -> slot.harvest(found))
                .orElse(0L);
    }

    @Override
    public Harvest beginHarvest(RamBlock harvested, PageBitmap found) {
        if (!tracking) {
            throw new IllegalStateException("the dirty log of " + harvested.idstr() + " is not switched on");
        }
        return Optional.ofNullable(slots.get(harvested)).map(Slot::beginHarvest).orElse(Harvest.TAKEN);
    }

    @Override
    public void watchCalls(LongConsumer nanos) {
        calls = nanos;
    }

    @Override
    public void ringFull() {
        throw new IllegalStateException("a vCPU's dirty ring is full, but there are no rings");
    }

    @Override
    public void stop() {
        lock.lock();
        try {
            if (tracking) {
                tracking = false;
                slots.values().forEach(slot -> slot.map(DirtyLogging.OFF));
            }
        } finally {
            lock.unlock();
        }
    }

    @Override
    public String description() {
        return "kvm dirty log";
    }

    @Override
    public void close() {
        slots.values().forEach(slot -> slot.log.close());
    }
}
