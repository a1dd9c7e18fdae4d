// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.checkpoint;

import java.nio.ByteBuffer;

/** Gets what {@link CheckpointReader} reads, in order, on the thread that feeds it. */
interface CheckpointListener {
    /** A record; of an epoch's, only in their order. */
    void record(CheckpointRecord record);

    /**
     * A page of the epoch that has begun. Called for every page: nothing may be allocated here.
     *
     * @param block index of a block that was announced
     * @param offset bytes from its start, a multiple of 4096, inside the block
     * @param content holds 4096 bytes from {@code index}, valid during this call; its position must not be moved
     */
    void page(int block, long offset, ByteBuffer content, int index);

    /** A page of zeros. As {@link #page}. */
    void zeroPage(int block, long offset);
}
