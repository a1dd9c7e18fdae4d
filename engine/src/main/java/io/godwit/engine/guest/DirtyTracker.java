// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.guest;

import io.godwit.engine.memory.PageBitmap;
import io.godwit.engine.memory.RamBlock;
import java.util.function.LongConsumer;

/**
 * Knows which pages have been written. What the guest writes is found by the kernel or marked by the program; what the
 * host writes (device emulation, loading) must be marked by whoever writes it, with {@link RamBlock#markHostWrite}.
 *
 * <p>A tracker gives up what it knows in {@link #harvest} only: before the first harvest, a page that the guest gave up
 * before it wrote to it again is taken out of the dirty bitmap, and the tracker must still know of that write then.
 *
 * <p>Called by one thread at a time, never by two.
 */
public interface DirtyTracker {
    /** Of something that is only kept: nothing writes, nothing is tracked. */
    DirtyTracker NONE = new DirtyTracker() {
        @Override
        public void start() {}

        @Override
        public long harvest(RamBlock block, PageBitmap found) {
            return 0;
        }

        @Override
        public void stop() {}

        @Override
        public String description() {
            return "none: nothing runs here";
        }
    };

    /** Begins to track: each write after this call is reported by a later {@link #harvest}. */
    void start();

    /**
     * Moves what was written since the last call into {@code found} and arms the tracker again, so that no write is
     * lost in between. The guest may run meanwhile; after it has been paused one call finds all that is left.
     *
     * <p>A block may leave the guest's list at any time: of one that has gone nothing is reported. Who calls keeps its
     * memory mapped, see {@link RamBlock#beginUse}.
     *
     * @param found a bitmap of the block's pages, in which bits are set and none cleared
     * @return the number of pages that the tracker reported, whether or not their bits were set already
     */
    long harvest(RamBlock block, PageBitmap found);

    /** Into the block's dirty bitmap. */
    default long harvest(RamBlock block) {
        return harvest(block, block.dirtyBitmap());
    }

    /**
     * {@link #harvest} of a block that may leave the guest's list at any time: of one that has gone nothing, and its
     * memory stays mapped meanwhile.
     */
    default long harvestUnlessGone(RamBlock block, PageBitmap found) {
        if (!block.beginUse()) {
            return 0;
        }
        try {
            return harvest(block, found);
        } finally {
            block.endUse();
        }
    }

    /** Into the block's dirty bitmap. */
    default long harvestUnlessGone(RamBlock block) {
        return harvestUnlessGone(block, block.dirtyBitmap());
    }

    /** What was written to one block, to be taken in parts. One thread begins and closes it. */
    interface Harvest extends AutoCloseable {
        /** All of it has been taken. */
        Harvest TAKEN = new Harvest() {
            @Override
            public boolean isClear(int firstWord, int count) {
                return true;
            }

            @Override
            public long word(int word) {
                return 0;
            }

            @Override
            public void arm(int firstWord, int count) {}

            @Override
            public void close() {}
        };

        /** Whether nothing was written to so many words of 64 pages. Any thread. */
        boolean isClear(int firstWord, int count);

        /** Which pages of a word of 64 were written, as bits; the same until it is closed. Any thread. */
        long word(int word);

        /**
         * What these words say has been taken, and is not to be found again. Several threads at a time, each its own
         * words. If it fails it is found again, which does no harm.
         */
        void arm(int firstWord, int count);

        /** What was not taken is found by the next harvest. */
        @Override
        void close();
    }

    /**
     * {@link #harvest(RamBlock, PageBitmap)} in parts, for a guest that stands still until it is closed. A tracker that
     * cannot be asked in parts moves everything here and now.
     *
     * @param found as there
     */
    default Harvest beginHarvest(RamBlock block, PageBitmap found) {
        long _ = harvest(block, found);
        return Harvest.TAKEN;
    }

    /** Whether what the host writes to the guest's memory is reported too, marked or not. */
    default boolean seesHostWrites() {
        return false;
    }

    /**
     * Whether it can track a guest whose memory is still arriving, which the kernel watches for pages that are missing.
     */
    default boolean worksWhileArriving() {
        return true;
    }

    /**
     * How many pages each vCPU has written since {@link #start}, up to the last harvest or to now, in the order of the
     * vCPUs; a page that is written again after a harvest counts again. Any thread may ask.
     *
     * @return empty if this tracker cannot tell vCPUs apart, whether it was started or not
     */
    default long[] vcpuPages() {
        return new long[0];
    }

    /**
     * From now on {@code nanos} hears how long each call to the kernel took during which a vCPU that writes to a page
     * may have to wait, and nobody else does. Here: nobody, for trackers that make no such calls.
     */
    default void watchCalls(LongConsumer nanos) {}

    /** Ends tracking; the guest runs at full speed again. Stopping a stopped tracker does nothing. */
    void stop();

    /**
     * What does the tracking, for people: {@code kvm dirty log}, {@code write-protect scan}, {@code program's marks}.
     */
    String description();
}
