// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.qemu.capture;

import io.godwit.engine.memory.RamBlock;
import io.godwit.store.pages.PageId;
import java.util.concurrent.Semaphore;

/** Some pages on a {@link PageBelt}, in the order in which they came. At each time one thread has it. */
final class Tray {
    /** Pages with content at most: 1 MiB. */
    static final int PAGES = 256;

    /** Pages of zeros need no room, so a tray has more of them. */
    static final int ENTRIES = 4 * PAGES;

    /** In the place of a content: the page is one of zeros. */
    static final int NO_CONTENT = -1;

    final byte[] content = new byte[PAGES * RamBlock.PAGE_BYTES];
    final byte[] ids = new byte[PAGES * PageId.BYTES];
    final int[] blocks = new int[ENTRIES];
    final long[] offsets = new long[ENTRIES];
    final int[] contentAt = new int[ENTRIES];
    /** Has a permit from when the ids are made until that is awaited. */
    final Semaphore hashed = new Semaphore(0);

    int entries;
    int pages;
    boolean last;

    void add(int block, long offset, int at) {
        blocks[entries] = block;
        offsets[entries] = offset;
        contentAt[entries++] = at;
    }

    /** Where the id is of the page whose content is at {@code contentAt}. */
    static int idAt(int contentAt) {
        return contentAt / RamBlock.PAGE_BYTES * PageId.BYTES;
    }

    /** Makes the ids of all pages. */
    void hash(PageId hasher) {
        for (int i = 0; i < pages; i++) {
            hasher.of(content, i * RamBlock.PAGE_BYTES, ids, i * PageId.BYTES);
        }
    }

    boolean isHashed() {
        return hashed.availablePermits() > 0;
    }

    void awaitHashed() throws InterruptedException {
        hashed.acquire();
    }

    /** Makes it empty; it has been hashed, and that awaited. */
    void clear() {
        entries = 0;
        pages = 0;
    }
}
