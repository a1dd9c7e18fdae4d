// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.qemu.restore;

import io.godwit.engine.memory.PageBatch;

/** Where the pages of a stored guest come from. Threads: any number, each with a batch of its own. */
interface StoredPages extends AutoCloseable {
    /**
     * Says where the pages of a batch are.
     *
     * @param block index in the snapshot's list of blocks
     * @throws io.godwit.store.DamageException if one is not what was written; then none of the batch may be sent
     */
    void locate(int block, PageBatch batch);

    /** Lets go of what they are read from. Here: of nothing. */
    @Override
    default void close() {}
}
