// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.qemu.capture;

import io.godwit.engine.memory.PageBitmap;
import io.godwit.engine.memory.PageDigests;
import io.godwit.engine.memory.PrecopyPlace;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.memory.RamBlocks;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.store.snapshots.SavedBlock;
import io.godwit.store.snapshots.SnapshotWriter;
import io.godwit.stream.RamBlockEntry;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Puts received pages into a snapshot. On {@code mig-incoming}. */
final class SnapshotPlace implements PrecopyPlace {
    private final PageBelt belt;
    private final List<RamBlockEntry> blocks;
    private final List<PageBitmap> received = new ArrayList<>();

    /** Begins with the blocks of the stream, which the writer has not heard of yet. */
    SnapshotPlace(SnapshotWriter writer, List<RamBlockEntry> blocks) {
        this.blocks = List.copyOf(blocks);
        writer.blocks(blocks.stream().map(SavedBlock::of).toList());
        for (RamBlockEntry block : blocks) {
            received.add(new PageBitmap(block.pageCount()));
        }
        belt = new PageBelt(writer);
    }

    @Override
    public void place(int blockIndex, long offset, NativeMemory content, long position) {
        belt.put(blockIndex, offset, content, position);
        boolean _ = received.get(blockIndex).testAndSet(offset / RamBlock.PAGE_BYTES);
    }

    @Override
    public void placeZero(int blockIndex, long offset) {
        belt.putZero(blockIndex, offset);
        boolean _ = received.get(blockIndex).testAndSet(offset / RamBlock.PAGE_BYTES);
    }

    @Override
    public void flush() {
        // Each page is on the belt at once.
    }

    @Override
    public void follow(RamBlocks.Snapshot ram, List<RamBlockEntry> next) {
        throw new MigrationException.Protocol(
                "memory was added to the guest or taken from it while it was captured; capture it again");
    }

    @Override
    public long missingPages() {
        long missing = 0;
        for (int i = 0; i < blocks.size(); i++) {
            missing += missing(i);
        }
        return missing;
    }

    private long missing(int block) {
        return blocks.get(block).pageCount() - received.get(block).count();
    }

    /** How many pages each block lacks that lacks any, as {@code 12 of 'pc.ram'}. */
    String holes() {
        List<String> holes = new ArrayList<>();
        for (int i = 0; i < blocks.size(); i++) {
            if (missing(i) > 0) {
                holes.add(missing(i) + " of '" + blocks.get(i).idstr() + "'");
            }
        }
        return String.join(", ", holes);
    }

    @Override
    public Optional<PageDigests> digests() {
        return Optional.empty();
    }

    /** The guest stands still. Any thread. */
    void hurry() {
        belt.hurry();
    }

    /** Waits until the writer has all pages; see {@link PageBelt#drain}. */
    void drain() {
        belt.drain();
    }

    /** Nothing: all that came is to be stored, or {@link #giveUp} follows. */
    @Override
    public void close() {
        // The engine says so before the devices are loaded.
    }

    /** Ends the storing of pages. Harmless when repeated, and after {@link #drain}. */
    void giveUp() {
        belt.close();
    }
}
