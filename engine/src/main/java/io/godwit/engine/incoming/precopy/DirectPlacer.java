// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.incoming.precopy;

import io.godwit.engine.guest.Arrival;
import io.godwit.engine.memory.PageBitmap;
import io.godwit.engine.memory.PageDigests;
import io.godwit.engine.memory.PrecopyPlace;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.memory.RamBlocks;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.stream.RamBlockEntry;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Puts received pages where they belong when no postcopy can follow: straight into guest memory, since nothing runs
 * there yet.
 */
public final class DirectPlacer implements PrecopyPlace {
    private List<RamBlock> blocks;
    private List<PageBitmap> received = new ArrayList<>();
    private Optional<PageDigests> digests;

    /** The choice of this place for a guest. */
    public static PrecopyPlace.Choice into(Arrival guest, boolean withDigests) {
        return blocks -> new DirectPlacer(guest.ram().snapshot(), blocks, withDigests);
    }

    /**
     * Receives into the guest's blocks.
     *
     * @param order the blocks as the stream numbers them
     */
    private DirectPlacer(RamBlocks.Snapshot ram, List<RamBlockEntry> order, boolean withDigests) {
        RamBlocks.Snapshot listed = inOrder(ram, order);
        blocks = listed.blocks();
        for (RamBlock block : blocks) {
            received.add(nothingOf(block));
        }
        digests = withDigests ? Optional.of(new PageDigests(listed)) : Optional.empty();
    }

    @Override
    public void follow(RamBlocks.Snapshot ram, List<RamBlockEntry> order) {
        List<RamBlock> before = blocks;
        List<PageBitmap> receivedBefore = received;
        RamBlocks.Snapshot listed = inOrder(ram, order);
        blocks = listed.blocks();
        received = new ArrayList<>();
        for (RamBlock block : blocks) {
            int was = before.indexOf(block);
            received.add(was < 0 ? nothingOf(block) : receivedBefore.get(was));
        }
        digests = digests.map(old -> old.following(listed));
    }

    private static RamBlocks.Snapshot inOrder(RamBlocks.Snapshot ram, List<RamBlockEntry> order) {
        return ram.inOrder(order.stream().map(RamBlockEntry::idstr).toList());
    }

    private static PageBitmap nothingOf(RamBlock block) {
        return new PageBitmap(block.pageCount());
    }

    @Override
    public void place(int blockIndex, long offset, NativeMemory staging, long position) {
        NativeMemory.copy(staging, position, blocks.get(blockIndex).memory(), offset, RamBlock.PAGE_BYTES);
        int page = (int) (offset / RamBlock.PAGE_BYTES);
        boolean _ = received.get(blockIndex).testAndSet(page);
        if (digests.isPresent()) {
            digests.get().arrived(blockIndex, page, staging, position);
        }
    }

    @Override
    public void placeZero(int blockIndex, long offset) {
        NativeMemory memory = blocks.get(blockIndex).memory();
        // Reading costs less than writing: a page that nobody has touched stays the kernel's shared zero page.
        if (!memory.isZero(offset, RamBlock.PAGE_BYTES)) {
            memory.fill(offset, RamBlock.PAGE_BYTES, (byte) 0);
        }
        int page = (int) (offset / RamBlock.PAGE_BYTES);
        boolean _ = received.get(blockIndex).testAndSet(page);
        if (digests.isPresent()) {
            digests.get().zeroed(blockIndex, page);
        }
    }

    @Override
    public void flush() {
        // Each page is in place at once.
    }

    @Override
    public long missingPages() {
        long missing = 0;
        for (int i = 0; i < blocks.size(); i++) {
            missing += blocks.get(i).pageCount() - received.get(i).count();
        }
        return missing;
    }

    @Override
    public Optional<PageDigests> digests() {
        return digests;
    }

    @Override
    public void close() {
        // Nothing but the received bits is kept.
    }
}
