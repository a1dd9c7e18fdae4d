// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.incoming.wire;

import io.godwit.linux.memory.NativeMemory;

/**
 * Puts the pages of one channel where they belong. The stream module has checked that a page lies within its block. One
 * thread; called for each page, so nothing is allocated.
 */
public interface PageReceiver {
    /**
     * A page with its content.
     *
     * @param blockIndex the block, as the stream numbers them
     * @param offset bytes from the block's start
     * @param staging holds the content at {@code position} during this call
     */
    void place(int blockIndex, long offset, NativeMemory staging, long position);

    /** A page that is all zero. */
    void placeZero(int blockIndex, long offset);

    /** No more pages are at hand: those that came are in place when this returns. */
    void flush();
}
