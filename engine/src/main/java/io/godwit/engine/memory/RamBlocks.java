// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.memory;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The list of a guest's RAM blocks. Readers take {@link #snapshot()} without a lock and walk it for as long as they like; writers
 * replace the list under its own lock and raise the version, so that a walker can see that the list it holds is an old one.
 */
public final class RamBlocks {
    /**
     * The list at one moment.
     *
     * @param version rises by one with each change
     * @param blocks in the order in which they were added; immutable
     */
    public record Snapshot(long version, List<RamBlock> blocks) {
        /** All blocks together, in bytes. */
        public long totalBytes() {
            long total = 0;
            for (RamBlock block : blocks) {
                total += block.usedLength();
            }
            return total;
        }

        /** Pages that must still be sent, in all blocks. */
        public long dirtyPageCount() {
            long count = 0;
            for (RamBlock block : blocks) {
                count += block.dirtyBitmap().count();
            }
            return count;
        }

        /** Pages that are left out, in all blocks. */
        public long withheldPageCount() {
            long count = 0;
            for (RamBlock block : blocks) {
                count += block.withheldPages().count();
            }
            return count;
        }

        /** Finds a block by its name. */
        public Optional<RamBlock> find(String idstr) {
            return blocks.stream().filter(b -> b.idstr().equals(idstr)).findFirst();
        }
    }

    private final ReentrantLock lock = new ReentrantLock();
    private volatile Snapshot snapshot;

    /** Starts with these blocks, as version 1. */
    public RamBlocks(List<RamBlock> blocks) {
        snapshot = new Snapshot(1, List.copyOf(blocks));
    }

    /** The list as it is now. */
    public Snapshot snapshot() {
        return snapshot;
    }

    /**
     * Adds a block at the end.
     *
     * @throws IllegalArgumentException if a block of that name is there
     */
    public void add(RamBlock block) {
        lock.lock();
        try {
            Snapshot old = snapshot;
            if (old.find(block.idstr()).isPresent()) {
                throw new IllegalArgumentException("RAM block " + block.idstr() + " is there already");
            }
            List<RamBlock> blocks = new ArrayList<>(old.blocks());
            blocks.add(block);
            snapshot = new Snapshot(old.version() + 1, List.copyOf(blocks));
        } finally {
            lock.unlock();
        }
    }

    /**
     * Takes a block out of the list. Who walks an older snapshot may still read the block, so its memory must stay mapped until
     * no migration holds that version.
     *
     * @throws IllegalArgumentException if the block is not in the list
     */
    public void remove(RamBlock block) {
        lock.lock();
        try {
            Snapshot old = snapshot;
            List<RamBlock> blocks = new ArrayList<>(old.blocks());
            if (!blocks.remove(block)) {
                throw new IllegalArgumentException("RAM block " + block.idstr() + " is not in the list");
            }
            snapshot = new Snapshot(old.version() + 1, List.copyOf(blocks));
        } finally {
            lock.unlock();
        }
    }
}
