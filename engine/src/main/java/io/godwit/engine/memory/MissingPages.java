// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.memory;

import io.godwit.linux.memory.NativeMemory;
import io.godwit.linux.memory.Support;
import io.godwit.linux.memory.Userfaultfd.Placement;
import java.util.Collection;

/**
 * How pages that a guest lacks while it arrives by postcopy are noticed and filled. {@link KernelMissingPages} asks the
 * kernel; a guest whose memory is not looked at by a processor has a way of its own.
 */
public interface MissingPages {
    /** Whether {@link #open} would succeed; a sentence says what is missing. Changes nothing. */
    Support support(Collection<RamBlock> blocks);

    /**
     * Makes ready to watch.
     *
     * @param blocks those of the beginning; others may come later
     * @throws io.godwit.linux.NativeException if that is not possible, see {@link #support}
     */
    Watch open(Collection<RamBlock> blocks);

    /**
     * Memory that is watched. Addresses are those of the process, lengths are in bytes, both in whole host pages.
     *
     * <p>Threads: any.
     */
    interface Watch extends AutoCloseable {
        /**
         * Watches a block from now on; what is there stays.
         *
         * @return whether {@link #zeroPage} works there
         * @throws io.godwit.linux.NativeException if the block cannot be watched
         */
        boolean begin(RamBlock block);

        /** Empties a part of a block: its pages are missing. */
        void drop(RamBlock block, long offset, long byteLength);

        /** Fills missing pages, each in one step, and lets those go on who wait for them. */
        Placement copy(long address, NativeMemory content, long contentOffset, long byteLength);

        /** Fills missing pages with zeros, as {@link #copy}. */
        Placement zeroPage(long address, long byteLength);

        /** Lets those go on who wait for these pages, which are there. */
        void wake(long address, long byteLength);

        /** Ends the watch over a block: who waits goes on, what is missing reads zero. Harmless when repeated. */
        void end(RamBlock block);

        /** A block is taken away from the guest, before its memory is unmapped, with which its watch ends. */
        void forget(RamBlock block);

        /** Who tells of pages that somebody needs; one for each watch. */
        FaultReader faults();

        /** Ends everything, as {@link #end} for each block, and leaves the memory as it was before. */
        @Override
        void close();
    }

    /** Tells of faults, on one thread; nothing is allocated for one. */
    interface FaultReader extends AutoCloseable {
        /** What {@link #await} says after {@link #stop}. */
        int STOPPED = -1;

        /** Waits for faults; returns how many there are to look at now, 0 perhaps, or {@link #STOPPED}. */
        int await();

        /** The address that was touched, cut to its page of 4096 bytes. */
        long address(int index);

        /** The thread that waits, as {@link io.godwit.engine.guest.Vcpus#threadIds} numbers it; 0 if nobody knows. */
        int threadId(int index);

        /** Ends {@link #await}, now and later. Any thread. */
        void stop();

        /** After {@link #stop}, when the thread has ended. */
        @Override
        void close();
    }
}
