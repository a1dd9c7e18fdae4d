// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.memory;

import io.godwit.stream.RamBlockEntry;
import java.util.List;
import java.util.Optional;

/**
 * Where the memory goes of a guest that is still at its source: a page may come any number of times, and the list of
 * blocks may change. On {@code mig-incoming}.
 */
public interface PrecopyPlace extends PagePlace, AutoCloseable {
    /** Chooses the place. The engine's own is guest memory; a capture's may be a file, with no guest behind it. */
    @FunctionalInterface
    interface Choice {
        /**
         * Makes room for these blocks, which the arrival has accepted.
         *
         * @param blocks as the stream numbers them
         */
        PrecopyPlace open(List<RamBlockEntry> blocks);
    }

    /**
     * The source's guest will lose what is not in this list: before its memory here is unmapped. {@link #follow} comes
     * next.
     */
    default void forgetAllBut(List<RamBlockEntry> next) {}

    /**
     * Goes on with another list of blocks: of those that stay, what has come stays.
     *
     * @param ram what the guest has here now
     * @throws io.godwit.engine.outcome.MigrationException if one cannot arrive here
     */
    void follow(RamBlocks.Snapshot ram, List<RamBlockEntry> next);

    /** Pages that have not come, over all blocks. */
    long missingPages();

    /** Hashes of the pages as they came, where that was asked for. */
    Optional<PageDigests> digests();

    /** Frees what placing needs; what has come stays. Harmless when repeated. */
    @Override
    void close();
}
