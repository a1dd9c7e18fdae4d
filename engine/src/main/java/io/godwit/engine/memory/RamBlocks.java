// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.memory;

import io.godwit.engine.outcome.MigrationException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The list of a guest's RAM blocks. Readers take {@link #snapshot()} without a lock and walk it for as long as they
 * like; writers replace the list under its own lock and raise the version, so that a walker can see that the list it
 * holds is an old one.
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

        /**
         * The same blocks as a stream numbers them, which names them in this order.
         *
         * @throws MigrationException.Protocol if one of the names is none of a block here
         */
        public Snapshot inOrder(List<String> order) {
            List<RamBlock> listed = new ArrayList<>();
            for (String idstr : order) {
                listed.add(find(idstr)
                        .orElseThrow(() -> new MigrationException.Protocol(
                                "the source has a RAM block '" + idstr + "', this guest has none")));
            }
            return new Snapshot(version, List.copyOf(listed));
        }

        /** Finds a block by its name. */
        public Optional<RamBlock> find(String idstr) {
            return blocks.stream().filter(b -> b.idstr().equals(idstr)).findFirst();
        }
    }

    /**
     * Has the last word on a change. It is asked under the list's lock with nobody holding the list, so that what it
     * looks at and the change are one step to whoever holds the list while that becomes another.
     */
    @FunctionalInterface
    public interface Gate {
        /** Lets everything through: for a destination, which follows its source, and for who has nothing to look at. */
        Gate OPEN = () -> {};

        /**
         * Waits for nobody.
         *
         * @throws MigrationException.Refused if the change must not be made now
         */
        void pass();
    }

    private final ReentrantLock lock = new ReentrantLock();
    private final List<Hold> holds = new ArrayList<>();
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
     * The list does not change until this is closed: who wants to change it is refused at once, and waits for nobody.
     */
    public final class Hold implements AutoCloseable {
        private final Snapshot held;
        private volatile String reason;

        private Hold(Snapshot held, String reason) {
            this.held = held;
            this.reason = reason;
        }

        /** The list, which stays as it is. */
        public Snapshot snapshot() {
            return held;
        }

        /** Says from now on another reason to those who are refused: a whole sentence. */
        public void because(String sentence) {
            reason = sentence;
        }

        /** The list may change again. Harmless when repeated. */
        @Override
        public void close() {
            lock.lock();
            try {
                boolean _ = holds.remove(this);
            } finally {
                lock.unlock();
            }
        }
    }

    /**
     * Keeps the list as it is.
     *
     * @param reason a sentence for those who are refused
     */
    public Hold hold(String reason) {
        lock.lock();
        try {
            Hold hold = new Hold(snapshot, reason);
            holds.add(hold);
            return hold;
        } finally {
            lock.unlock();
        }
    }

    /**
     * Says early whether the list may be changed; {@link #add} and {@link #remove} say it for sure.
     *
     * @throws MigrationException.Refused if somebody holds it
     */
    public void refuseIfHeld() {
        lock.lock();
        try {
            if (!holds.isEmpty()) {
                throw new MigrationException.Refused(holds.getFirst().reason);
            }
        } finally {
            lock.unlock();
        }
    }

    /**
     * Adds a block at the end, all of whose pages are to be sent by a migration that runs. What the guest writes to it
     * must be tracked already.
     *
     * @throws MigrationException.Refused if somebody holds the list, or the gate is closed
     * @throws IllegalArgumentException if a block of that name is there, or this block was removed before
     */
    public void add(RamBlock block, Gate gate) {
        lock.lock();
        try {
            refuseIfHeld();
            gate.pass();
            Snapshot old = snapshot;
            if (old.find(block.idstr()).isPresent()) {
                throw new IllegalArgumentException("RAM block " + block.idstr() + " is there already");
            }
            if (block.isRetired()) {
                throw new IllegalArgumentException(
                        "RAM block " + block.idstr() + " was removed before; make a new one");
            }
            List<RamBlock> blocks = new ArrayList<>(old.blocks());
            blocks.add(block);
            block.beginSending();
            snapshot = new Snapshot(old.version() + 1, List.copyOf(blocks));
        } finally {
            lock.unlock();
        }
    }

    /**
     * Takes a block out of the list, at once. Who walks an older list may be using its memory at this moment.
     *
     * @param whenUnused frees the memory: run by whoever lets go of it last, here and now if nobody uses it
     * @throws MigrationException.Refused if somebody holds the list, or the gate is closed
     * @throws IllegalArgumentException if the block is not in the list
     */
    public void remove(RamBlock block, Gate gate, Runnable whenUnused) {
        lock.lock();
        try {
            refuseIfHeld();
            gate.pass();
            Snapshot old = snapshot;
            List<RamBlock> blocks = new ArrayList<>(old.blocks());
            if (!blocks.remove(block)) {
                throw new IllegalArgumentException("RAM block " + block.idstr() + " is not in the list");
            }
            snapshot = new Snapshot(old.version() + 1, List.copyOf(blocks));
        } finally {
            lock.unlock();
        }
        block.retire(whenUnused);
    }
}
