// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.checkpoint;

import io.godwit.engine.guest.DirtyTracker;
import io.godwit.engine.memory.PagePlace;
import io.godwit.engine.memory.RamBlocks;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.report.FlushStatistics;

/**
 * What a secondary keeps beside its guest's memory, so that the pages of a checkpoint are not in the guest before the
 * checkpoint is whole: a second copy of all of it ({@link RamCache}), or these pages only ({@link RamStage}). Until
 * {@link #flush} a checkpoint that is cut has changed nothing of the guest.
 *
 * <p>The list of blocks must not change as long as there is one; their memory stays mapped by it.
 *
 * <p>Threads: one at a time, which makes the calls in turn; a page that comes beside a flush is refused.
 */
public sealed interface SecondaryRam extends AutoCloseable permits RamCache, RamStage {
    /**
     * Where pages go besides the guest while it arrives; {@code listed} are the blocks as the stream numbers them.
     *
     * @throws MigrationException.Protocol if one of them came later than this
     */
    PagePlace mirror(RamBlocks.Snapshot listed);

    /** Where the pages of a checkpoint go. As {@link #mirror}. */
    PagePlace place(RamBlocks.Snapshot listed);

    /**
     * From here on the guest's own writes are noted: it stands still, is what the primary is, and will run.
     *
     * @param noting the guest's, which nobody else uses until {@link #close}
     */
    void startTracking(DirtyTracker noting);

    /**
     * Nothing of a checkpoint is missing; before the primary hears that all of it is here.
     *
     * @throws MigrationException.Protocol if it is: the guest is as it was
     */
    void requireWhole();

    /**
     * Makes the guest what the primary was, while it stands still: the checkpoint is whole.
     *
     * @throws MigrationException.Protocol if it is not: the guest is as it was
     * @throws RuntimeException the tracker's
     */
    FlushStatistics flush();

    /** Drops what came since the last flush; the guest stays as it is, and its tracker is free again. */
    @Override
    void close();
}
