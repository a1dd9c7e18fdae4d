// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.tracking;

import io.godwit.engine.guest.DirtyTracker;
import io.godwit.engine.memory.PageBitmap;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.memory.RamBlocks;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.linux.memory.PagemapScan;
import io.godwit.linux.memory.Support;
import io.godwit.linux.memory.Userfaultfd;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.LongConsumer;

/**
 * Finds written pages by write protection: userfaultfd in its asynchronous mode lets the kernel itself lift the
 * protection of a page at the first write, and one scan of the page map reports the lifted ones and protects them
 * again. The writer never waits for this process.
 *
 * <p>Works for any memory of this process that no other process writes. KERNEL: Linux 6.7 for the scan.
 */
public final class WriteProtectTracker implements DirtyTracker {
    private static final int REGIONS = 16_384;

    // LIMIT: 64 MiB at a time, less than a millisecond, so that whoever wants the kernel's lock on the memory map has
    // it soon.
    private static final long BYTES_AT_ONCE = 64L << 20;

    private final RamBlocks ram;
    /** Keeps starting and stopping apart from blocks that come meanwhile. No harvest takes it. */
    private final ReentrantLock lock = new ReentrantLock();

    // Guarded by lock.
    private Optional<Userfaultfd> armed = Optional.empty();
    /** Blocks that came one by one: told of here before they are in the guest's list. */
    private final Set<RamBlock> told = new HashSet<>();

    private Optional<PagemapScan> scan = Optional.empty();
    private volatile LongConsumer calls = _ -> {};

    /** A tracker for all blocks of a guest. */
    public WriteProtectTracker(RamBlocks ram) {
        this.ram = ram;
    }

    /** Whether this kernel and these privileges allow it; if not, a sentence says what is missing. */
    public static Support support() {
        Support protection = Userfaultfd.support(Userfaultfd.WRITE_TRACKING, Userfaultfd.Faults.USER);
        return protection instanceof Support.Missing ? protection : PagemapScan.support();
    }

    @Override
    public void start() {
        lock.lock();
        try {
            if (armed.isPresent()) {
                return;
            }
            Userfaultfd protection = Userfaultfd.open(Userfaultfd.WRITE_TRACKING, Userfaultfd.Faults.USER);
            armed = Optional.of(protection);
            scan = Optional.of(new PagemapScan(REGIONS));
            Set<RamBlock> blocks = new HashSet<>(ram.snapshot().blocks());
            blocks.addAll(told);
            blocks.forEach(block -> protect(protection, block));
        } catch (RuntimeException | Error e) {
            stop();
            throw e;
        } finally {
            lock.unlock();
        }
    }

    /**
     * A block comes: before anybody writes to it, and before it is in the guest's list. Any thread.
     */
    public void add(RamBlock block) {
        lock.lock();
        try {
            armed.ifPresent(protection -> protect(protection, block));
            boolean _ = told.add(block);
        } finally {
            lock.unlock();
        }
    }

    /**
     * A block that came has gone from the guest's list, and its memory is about to be unmapped, with which its
     * protection ends. Any thread.
     */
    public void remove(RamBlock block) {
        lock.lock();
        try {
            boolean _ = told.remove(block);
        } finally {
            lock.unlock();
        }
    }

    private void protect(Userfaultfd protection, RamBlock block) {
        NativeMemory memory = block.memory();
        boolean _ =
                protection.register(memory.address(), block.usedLength(), EnumSet.of(Userfaultfd.Mode.WRITE_PROTECT));
        long end = memory.address() + block.usedLength();
        long step = step(block);
        for (long at = memory.address(); at < end; at += step) {
            long begin = System.nanoTime();
            protection.writeProtect(at, Math.min(step, end - at));
            calls.accept(System.nanoTime() - begin);
        }
    }

    /** KERNEL: a huge page is protected and scanned as a whole or not at all. */
    private static long step(RamBlock block) {
        return Math.max(BYTES_AT_ONCE, block.pageBytes());
    }

    @Override
    public long harvest(RamBlock block, PageBitmap found) {
        PagemapScan pages = scan.orElseThrow(() -> new IllegalStateException("the tracker was not started"));
        long base = block.memory().address();
        long end = base + block.usedLength();
        long at = base;
        long written = 0;
        while (at < end) {
            long begin = System.nanoTime();
            int regions = pages.scan(at, Math.min(at + step(block), end));
            calls.accept(System.nanoTime() - begin);
            for (int i = 0; i < regions; i++) {
                long first = (pages.regionStart(i) - base) >>> RamBlock.PAGE_SHIFT;
                long count = (pages.regionEnd(i) - pages.regionStart(i)) >>> RamBlock.PAGE_SHIFT;
                found.setRange(first, count);
                written += count;
            }
            at = pages.walkEnd();
        }
        return written;
    }

    @Override
    public void watchCalls(LongConsumer nanos) {
        calls = nanos;
    }

    /** KERNEL: protection belongs to the mapping, whoever writes to it. */
    @Override
    public boolean seesHostWrites() {
        return true;
    }

    /** KERNEL: a range belongs to one userfaultfd, and the watch for missing pages is another one. */
    @Override
    public boolean worksWhileArriving() {
        return false;
    }

    @Override
    public void stop() {
        lock.lock();
        try {
            // Closing the userfaultfd unregisters its ranges, which lifts what protection is left.
            armed.ifPresent(Userfaultfd::close);
            scan.ifPresent(PagemapScan::close);
            armed = Optional.empty();
            scan = Optional.empty();
        } finally {
            lock.unlock();
        }
    }

    @Override
    public String description() {
        return "write-protect scan";
    }
}
