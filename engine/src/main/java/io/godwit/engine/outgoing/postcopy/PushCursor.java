// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing.postcopy;

import io.godwit.engine.memory.PageBatch;
import io.godwit.engine.memory.PageBitmap;
import io.godwit.engine.memory.WantedPages;

/**
 * Where the background push goes on: over the pages that are wanted first, then over all. It walks all blocks in a
 * circle, so that it can be put anywhere and yet misses nothing. For the pushing thread only.
 */
final class PushCursor {
    private final OwedPages pages;
    private final WantedPages wanted;
    private int nextWanted;
    private int block;
    private long page;
    private int takenBlock;

    PushCursor(OwedPages pages, WantedPages wanted) {
        this.pages = pages;
        this.wanted = wanted;
    }

    /** Goes on from this page. */
    void moveTo(int blockIndex, long nextPage) {
        block = blockIndex;
        page = nextPage;
    }

    /** The block of what {@link #next} took. */
    int block() {
        return takenBlock;
    }

    /**
     * Claims what comes next: some pages of one block, or a whole host page of it.
     *
     * @param limit how many pages, where host pages are single pages
     * @return false if nothing is owed any more
     */
    boolean next(PageBatch batch, int limit) {
        if (takeWanted(batch, limit)) {
            return true;
        }
        // Once around, and to the end of the block where it began, whose first part may have been jumped over.
        for (int i = 0; i <= pages.blockCount(); i++) {
            if (takeHere(batch, limit)) {
                takenBlock = block;
                return true;
            }
            block = (block + 1) % pages.blockCount();
            page = 0;
        }
        return false;
    }

    private boolean takeWanted(PageBatch batch, int limit) {
        batch.clear();
        int most = Math.min(limit, batch.capacity());
        while (nextWanted < wanted.count() && batch.count() < most) {
            int at = wanted.block(nextWanted);
            int perHostPage = pages.pagesPerHostPage(at);
            if (batch.count() > 0 && (at != takenBlock || perHostPage > 1)) {
                break;
            }
            long first = wanted.page(nextWanted) & -(long) perHostPage;
            nextWanted++;
            if (pages.claim(at, first)) {
                takenBlock = at;
                batch.add(first, perHostPage);
            }
        }
        return batch.count() > 0;
    }

    private boolean takeHere(PageBatch batch, int limit) {
        PageBitmap dirty = pages.block(block).dirtyBitmap();
        int perHostPage = pages.pagesPerHostPage(block);
        if (perHostPage == 1) {
            page = batch.take(dirty, page, limit);
            return batch.count() > 0;
        }
        while (page < dirty.pageCount()) {
            if (dirty.isSet(page) && pages.claim(block, page)) {
                batch.hold(page, perHostPage);
                page += perHostPage;
                return true;
            }
            page += perHostPage;
        }
        return false;
    }
}
