// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.incoming.precopy;

import io.godwit.engine.incoming.wire.RamFollower;
import io.godwit.engine.memory.PageDigests;
import io.godwit.engine.memory.PagePlace;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.memory.RamBlocks;
import io.godwit.linux.memory.NativeMemory;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Optional;

/**
 * Puts received pages where they belong when no postcopy can follow: straight into guest memory, since nothing runs
 * there yet.
 */
public final class DirectPlacer implements PagePlace {
    private List<RamBlock> blocks;
    private List<BitSet> received = new ArrayList<>();
    private Optional<PageDigests> digests;

    /**
     * Receives into the guest's blocks.
     *
     * @param order the blocks' names in the order in which the stream numbers them
     */
    public DirectPlacer(RamBlocks.Snapshot ram, List<String> order, boolean withDigests) {
        RamBlocks.Snapshot listed = RamFollower.inOrder(ram, order);
        blocks = listed.blocks();
        for (RamBlock block : blocks) {
            received.add(nothingOf(block));
        }
        digests = withDigests ? Optional.of(new PageDigests(listed)) : Optional.empty();
    }

    /** Goes on with another list: of blocks that stay, what has come stays. */
    public void follow(RamBlocks.Snapshot ram, List<String> order) {
        List<RamBlock> before = blocks;
        List<BitSet> receivedBefore = received;
        RamBlocks.Snapshot listed = RamFollower.inOrder(ram, order);
        blocks = listed.blocks();
        received = new ArrayList<>();
        for (RamBlock block : blocks) {
            int was = before.indexOf(block);
            received.add(was < 0 ? nothingOf(block) : receivedBefore.get(was));
        }
        digests = digests.map(old -> old.following(listed));
    }

    private static BitSet nothingOf(RamBlock block) {
        return new BitSet(Math.toIntExact(block.pageCount()));
    }

    @Override
    public void place(int blockIndex, long offset, NativeMemory staging, long position) {
        NativeMemory.copy(staging, position, blocks.get(blockIndex).memory(), offset, RamBlock.PAGE_BYTES);
        int page = (int) (offset / RamBlock.PAGE_BYTES);
        received.get(blockIndex).set(page);
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
        received.get(blockIndex).set(page);
        if (digests.isPresent()) {
            digests.get().zeroed(blockIndex, page);
        }
    }

    @Override
    public void flush() {
        // Each page is in place at once.
    }

    /** Pages that have not come, over all blocks. */
    public long missingPages() {
        long missing = 0;
        for (int i = 0; i < blocks.size(); i++) {
            missing += blocks.get(i).pageCount() - received.get(i).cardinality();
        }
        return missing;
    }

    /** The hashes of the pages as they came, where that was asked for. */
    public Optional<PageDigests> digests() {
        return digests;
    }
}
