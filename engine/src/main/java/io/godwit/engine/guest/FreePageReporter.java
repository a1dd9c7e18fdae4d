// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.guest;

import io.godwit.engine.memory.RamBlock;

/**
 * Asks the guest which of its pages are free, so that a migration need not send them. What virtio-balloon calls free
 * page hints.
 *
 * <p>A hint says: what the page held when it was made is of no worth. The guest may take the page back and write to it
 * at any time; the dirty tracker sees that, and the page is sent after all. Each start is an epoch of its own, and
 * hints are worth something only in theirs. A guest owes no answer: nobody waits for it, and what comes late or is
 * nonsense is dropped and counted.
 *
 * <p>Threads: {@link #start} and {@link #stop} are called by the migration thread and return at once; the sink may be
 * called by any.
 */
public interface FreePageReporter {
    /** Where hints go. Takes any argument and any number of calls, never throws and never waits for another's work. */
    interface Sink {
        /**
         * Pages that are free.
         *
         * @param epoch what {@link FreePageReporter#start} was called with when the guest made the hint
         * @param block where they are
         * @param firstPage number of the first page of {@link RamBlock#PAGE_BYTES} within the block
         * @param pageCount how many
         */
        void free(int epoch, RamBlock block, long firstPage, long pageCount);

        /** The guest has told of all its free pages. */
        void done(int epoch);
    }

    /**
     * Begins to ask. Another epoch that was begun before is over.
     *
     * @param epoch differs from those before it; never 0
     */
    void start(int epoch, Sink sink);

    /** Ends asking: the guest may use its pages again and need tell nothing. Harmless when repeated. */
    void stop();
}
