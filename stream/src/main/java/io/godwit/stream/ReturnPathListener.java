// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.stream;

/**
 * Gets what {@link ReturnPathReader} reads, in order, on the thread that feeds it. An exception thrown here ends the
 * reading.
 */
public interface ReturnPathListener {
    /** Any message but a request for pages. */
    void message(ReturnPathMessage message);

    /**
     * The destination wants pages soon. Called for every request: nothing may be allocated here.
     *
     * @param blockIndex index into the list of blocks that the reader was made with
     * @param offset bytes from the start of the block, a multiple of the block's page size
     * @param byteLength a positive multiple of the block's page size; {@code offset + byteLength} is inside the block
     */
    void pageRequest(int blockIndex, long offset, long byteLength);
}
