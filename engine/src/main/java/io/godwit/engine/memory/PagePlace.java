// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.memory;

import io.godwit.linux.memory.NativeMemory;

/**
 * Where the pages go that arrive on one channel: into guest memory, by the kernel where the guest may wait for them,
 * into a cache, or into the file of a capture. The stream module has checked that a page lies within its block.
 *
 * <p>One thread; called for each page, so nothing is allocated.
 */
public interface PagePlace {
    /**
     * A page with its content. It need not be in place when this returns, see {@link #flush}.
     *
     * @param blockIndex the block, as the stream numbers them
     * @param offset bytes from the block's start, a multiple of {@link RamBlock#PAGE_BYTES}
     * @param content holds the page at {@code position} during this call
     */
    void place(int blockIndex, long offset, NativeMemory content, long position);

    /** A page that is all zero, as {@link #place}. */
    void placeZero(int blockIndex, long offset);

    /** No more pages are at hand: those that came are in place when this returns. */
    void flush();
}
