// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.kvm;

import io.godwit.engine.memory.RamBlock;
import io.godwit.linux.kvm.KvmDirtyLog;
import io.godwit.linux.kvm.KvmVm;
import io.godwit.linux.kvm.KvmVm.DirtyLogging;
import java.util.function.LongConsumer;

/** KVM's dirty log of the one memory slot. It knows what vCPUs write, not what the host writes. */
final class KvmDirtyTracker implements KvmTracker {
    // LIMIT: 64 MiB at a time, so that vCPUs which fault meanwhile wait 0.1 ms for the kernel's lock and not several.
    private static final int WORDS_AT_ONCE = 256;

    private final KvmVm vm;
    private final RamBlock block;
    private final KvmDirtyLog log;
    private volatile LongConsumer calls = _ -> {};
    private boolean tracking;

    /** Gives the block to the guest as its memory from address 0, not logged. */
    KvmDirtyTracker(KvmVm vm, RamBlock block) {
        this.vm = vm;
        this.block = block;
        this.log = vm.dirtyLog(SLOT, block.pageCount());
        map(DirtyLogging.OFF);
    }

    @Override
    public void start() {
        map(DirtyLogging.ON);
        tracking = true;
    }

    @Override
    public long harvest(RamBlock harvested) {
        if (!tracking) {
            throw new IllegalStateException("the dirty log of " + harvested.idstr() + " is not switched on");
        }
        if (harvested != block) {
            throw new IllegalArgumentException(
                    "this tracker knows " + block.idstr() + " only, not " + harvested.idstr());
        }
        log.fetch();
        long pages = 0;
        for (int first = 0; first < log.wordCount(); first += WORDS_AT_ONCE) {
            pages += harvest(first, Math.min(WORDS_AT_ONCE, log.wordCount() - first));
        }
        return pages;
    }

    private long harvest(int firstWord, int count) {
        if (log.isClear(firstWord, count)) {
            return 0;
        }
        long pages = 0;
        try {
            // ORDERING: pages are protected before anybody may copy them, or a write in between would be in no log.
            long begin = System.nanoTime();
            log.clear(firstWord, count);
            calls.accept(System.nanoTime() - begin);
        } finally {
            for (int i = firstWord; i < firstWord + count; i++) {
                long word = log.word(i);
                pages += Long.bitCount(word);
                block.dirtyBitmap().or(i, word);
            }
        }
        return pages;
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
        if (tracking) {
            tracking = false;
            map(DirtyLogging.OFF);
        }
    }

    @Override
    public String description() {
        return "kvm dirty log";
    }

    private void map(DirtyLogging logging) {
        vm.mapMemory(SLOT, logging, 0, block.memory().address(), block.usedLength());
    }

    @Override
    public void close() {
        log.close();
    }
}
