// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.incoming.postcopy;

import io.godwit.engine.memory.MissingPages;
import io.godwit.engine.memory.PageDigests;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.memory.RamBlocks;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.linux.NativeException;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.linux.memory.Userfaultfd.Placement;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The memory of a guest that arrives by postcopy: empty at first, watched for what is missing, filled a host page at a
 * time.
 *
 * <p>Invariant (law 1): what is missing is touched by no Java thread; pages are placed by the kernel. Whether a page is
 * there, its {@link ArrivingBlock} says, and through it {@link RamBlock#isPresent}.
 *
 * <p>Threads: {@code mig-incoming} prepares and ends it; placing is for the threads that read pages. {@link #release}
 * may be called by any thread and lets everybody go on who waits for a page.
 */
public final class ArrivingMemory implements AutoCloseable {
    // Changed while the guest is at the source only, before another thread than mig-incoming looks.
    private List<ArrivingBlock> blocks = List.of();
    /** The same by address, for the search. */
    private ArrivingBlock[] byAddress = {};

    private Optional<PageDigests> digests;
    private final MissingPages.Watch watch;
    private final AtomicLong duplicatePages = new AtomicLong();
    private boolean released;

    private ArrivingMemory(MissingPages.Watch watch, Optional<PageDigests> digests) {
        this.watch = watch;
        this.digests = digests;
    }

    /**
     * Empties the guest's memory and watches it.
     *
     * @param order the blocks' names as the stream numbers them
     * @throws MigrationException.Refused if this host cannot; the sentence says what is missing
     */
    static ArrivingMemory prepare(
            RamBlocks.Snapshot ram, List<String> order, MissingPages missing, boolean withDigests) {
        RamBlocks.Snapshot listed = ram.inOrder(order);
        Optional<PageDigests> digests = withDigests ? Optional.of(new PageDigests(listed)) : Optional.empty();
        ArrivingMemory memory = new ArrivingMemory(missing.open(listed.blocks()), digests);
        try {
            memory.watch(listed);
            return memory;
        } catch (RuntimeException | Error e) {
            memory.close();
            throw e;
        }
    }

    /**
     * Goes on with another list while the guest is still at the source: of blocks that stay, what has come stays; those
     * that are new are emptied and watched.
     *
     * @param order as in {@link #prepare}; of what it lacks {@link #forgetAllBut} has been told
     * @throws MigrationException.Refused if a new block cannot be watched
     */
    void follow(RamBlocks.Snapshot ram, List<String> order) {
        RamBlocks.Snapshot listed = ram.inOrder(order);
        digests = digests.map(old -> old.following(listed));
        watch(listed);
    }

    /**
     * Has nothing more to do with the blocks that are not among these, before their memory is unmapped, with which its
     * watch ends.
     */
    void forgetAllBut(List<String> staying) {
        List<ArrivingBlock> kept = blocks.stream()
                .filter(one -> staying.contains(one.block().idstr()))
                .toList();
        blocks.stream().filter(one -> !kept.contains(one)).forEach(one -> watch.forget(one.block()));
        take(kept);
    }

    private void watch(RamBlocks.Snapshot listed) {
        List<ArrivingBlock> next = new ArrayList<>();
        List<ArrivingBlock> fresh = new ArrayList<>();
        for (RamBlock block : listed.blocks()) {
            Optional<ArrivingBlock> known =
                    blocks.stream().filter(one -> one.block() == block).findFirst();
            ArrivingBlock arriving =
                    known.isPresent() ? known.get().at(next.size()) : new ArrivingBlock(next.size(), block);
            if (known.isEmpty()) {
                fresh.add(arriving);
            }
            next.add(arriving);
        }
        take(List.copyOf(next));
        try {
            fresh.forEach(this::empty);
        } catch (NativeException e) {
            throw new MigrationException.Refused("the guest's memory cannot be watched: " + e.getMessage(), e);
        }
    }

    private synchronized void take(List<ArrivingBlock> next) {
        blocks = next;
        byAddress = next.toArray(ArrivingBlock[]::new);
        Arrays.sort(byAddress, (a, b) -> Long.compareUnsigned(a.start(), b.start()));
    }

    private void empty(ArrivingBlock arriving) {
        RamBlock block = arriving.block();
        arriving.watched(watch.begin(block));
        block.beginArriving(arriving.received());
        // ORDERING: emptied last. Who looked at the memory while it was not watched, a control session that asks for
        // figures, has mapped a page of zeros, which would pass for the guest's.
        watch.drop(block, 0, block.usedLength());
    }

    /** The blocks as the stream numbers them. */
    public List<ArrivingBlock> blocks() {
        return blocks;
    }

    ArrivingBlock block(int index) {
        return blocks.get(index);
    }

    /** The block that holds an address, or -1 as its index. Allocates nothing. */
    int find(long address) {
        int low = 0;
        int high = byAddress.length - 1;
        while (low <= high) {
            int middle = (low + high) >>> 1;
            ArrivingBlock candidate = byAddress[middle];
            if (Long.compareUnsigned(address, candidate.start()) < 0) {
                high = middle - 1;
            } else if (Long.compareUnsigned(address, candidate.end()) >= 0) {
                low = middle + 1;
            } else {
                return candidate.index();
            }
        }
        return -1;
    }

    /** Zeroed room for the content of the largest host page; the caller closes it. */
    NativeMemory roomForHostPage() {
        int length =
                blocks.stream().mapToInt(ArrivingBlock::hostPageBytes).max().orElse(RamBlock.PAGE_BYTES);
        NativeMemory room = NativeMemory.allocate(length);
        // KERNEL: UFFDIO_COPY of a huge page takes a second one for a while if what it copies is not there, and a host
        // may have none to spare (ENOMEM).
        room.fill(0, length, (byte) 0);
        return room;
    }

    /** What tells of faults. */
    MissingPages.FaultReader faults() {
        return watch.faults();
    }

    /** Lets those go on who wait for pages that are there. */
    void wake(long address, long byteLength) {
        watch.wake(address, byteLength);
    }

    Optional<PageDigests> digests() {
        return digests;
    }

    /** Whether the kernel cannot place a zero page in a block by itself. */
    boolean needsCopyOfZeros(ArrivingBlock block) {
        return !block.takesZeroPages();
    }

    /** Whether a zero page can be placed in a block without a page of zeros to copy. */
    boolean takesZeroPages(ArrivingBlock block) {
        return block.takesZeroPages();
    }

    /** Fills a host page in one step and lets everybody go on who waits for it; whether it was missing. */
    boolean fill(ArrivingBlock block, long hostPage, NativeMemory content, long contentOffset) {
        return placed(watch.copy(block.hostPageAddress(hostPage), content, contentOffset, block.hostPageBytes()));
    }

    /** Makes a host page zero, as {@link #fill}. Only where {@link #takesZeroPages}. */
    boolean fillZero(ArrivingBlock block, long hostPage) {
        return placed(watch.zeroPage(block.hostPageAddress(hostPage), block.hostPageBytes()));
    }

    /**
     * Fills adjacent host pages in one step for each and lets everybody go on who waits for one.
     *
     * @param zero whether they are zero, and {@code content} does not matter
     * @return false if one of them was there; those before it have been filled
     */
    boolean fillRun(ArrivingBlock block, long firstHostPage, int hostPages, NativeMemory content, boolean zero) {
        long target = block.hostPageAddress(firstHostPage);
        long length = (long) hostPages * block.hostPageBytes();
        return switch (zero ? watch.zeroPage(target, length) : watch.copy(target, content, 0, length)) {
            case PLACED -> true;
            case ALREADY_PRESENT -> false;
            case RANGE_GONE -> throw gone();
        };
    }

    private boolean placed(Placement placement) {
        return switch (placement) {
            case PLACED -> true;
            case ALREADY_PRESENT -> {
                countDuplicate();
                yield false;
            }
            case RANGE_GONE -> throw gone();
        };
    }

    private static MigrationException gone() {
        return new MigrationException.Transport("the guest's memory is not watched any more");
    }

    /** A page came that was there already. */
    void countDuplicate() {
        long _ = duplicatePages.incrementAndGet();
    }

    /** Host pages that came though they were there. */
    long duplicatePages() {
        return duplicatePages.get();
    }

    /**
     * Drops pages that the source has changed since it sent them.
     *
     * @throws MigrationException.Protocol if the range is not inside the block, or cuts host pages
     */
    public void discard(String idstr, long start, long byteLength) {
        ArrivingBlock arriving = blocks.stream()
                .filter(b -> b.block().idstr().equals(idstr))
                .findFirst()
                .orElseThrow(() -> new MigrationException.Protocol(
                        "the source discards pages of a RAM block '" + idstr + "', which is not in its list"));
        long length = arriving.block().usedLength();
        if (start < 0 || byteLength <= 0 || start > length - byteLength) {
            throw new MigrationException.Protocol("the source discards " + byteLength + " bytes at " + start
                    + " of RAM block '" + idstr + "', which has " + length);
        }
        if (((start | byteLength) & (arriving.hostPageBytes() - 1)) != 0) {
            throw new MigrationException.Protocol("the source discards " + byteLength + " bytes at " + start
                    + " of RAM block '" + idstr + "', which are not whole pages of " + arriving.hostPageBytes());
        }
        long hostPage = arriving.hostPageAt(start);
        long hostPages = arriving.hostPageAt(byteLength);
        arriving.discard(hostPage, hostPages);
        watch.drop(arriving.block(), start, byteLength);
        if (digests.isPresent()) {
            digests.get()
                    .discarded(arriving.index(), start >>> RamBlock.PAGE_SHIFT, byteLength >>> RamBlock.PAGE_SHIFT);
        }
    }

    /**
     * Says whether the source may let the guest run here: a host page of which only a part came can neither be asked
     * for nor used.
     *
     * @throws MigrationException.Protocol if there is one
     */
    void refuseParts() {
        for (ArrivingBlock block : blocks) {
            for (long page = 0; block.isHuge() && page < block.hostPageCount(); page++) {
                if (block.isPopulated(page) && !isWhole(block, page)) {
                    throw new MigrationException.Protocol("only a part of the page of " + block.hostPageBytes()
                            + " bytes at " + page * block.hostPageBytes() + " of RAM block '"
                            + block.block().idstr() + "' came, and the source did not discard it");
                }
            }
        }
    }

    private static boolean isWhole(ArrivingBlock block, long hostPage) {
        long first = hostPage * block.pagesInHostPage();
        for (long page = first; page < first + block.pagesInHostPage(); page++) {
            if (!block.received().isSet(page)) {
                return false;
            }
        }
        return true;
    }

    /** Target pages that have not come, over all blocks. */
    long missingPages() {
        long missing = 0;
        for (ArrivingBlock block : blocks) {
            missing += block.missingPages();
        }
        return missing;
    }

    /** Ends the watch: who waits goes on, what is missing is zero from now on. Harmless when repeated. */
    synchronized void release() {
        if (released) {
            return;
        }
        released = true;
        blocks.forEach(one -> watch.end(one.block()));
    }

    /** The same, and memory is as it was before. The threads that use it must have ended. Harmless when repeated. */
    @Override
    public void close() {
        release();
        watch.close();
        blocks.forEach(block -> block.block().endArriving());
    }
}
