// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store.images;

import io.godwit.store.pages.PageId;
import io.godwit.store.pages.PlaceNumber;
import io.godwit.store.snapshots.Snapshot;

/** Goes over the pages of a block that have content, in order. */
final class BlockPages {
    private static final int BATCH_PAGES = 512;

    private BlockPages() {}

    /** Gets each page with content. */
    @FunctionalInterface
    interface Sink {
        /** Page {@code page} of the block; its content is valid during the call. */
        void page(long page, byte[] content);
    }

    /**
     * Tells {@code sink} of all pages with content among {@code count} from {@code first} on; the others are zeros.
     */
    static void forEach(Snapshot snapshot, int block, long first, long count, Sink sink) {
        long[] places = new long[BATCH_PAGES];
        byte[] content = new byte[PageId.PAGE_BYTES];
        for (long done = 0; done < count; done += BATCH_PAGES) {
            int batch = (int) Math.min(BATCH_PAGES, count - done);
            snapshot.places(block, first + done, batch, places);
            for (int i = 0; i < batch; i++) {
                if (PlaceNumber.isStored(places[i])) {
                    snapshot.page(places[i], content, 0);
                    sink.page(first + done + i, content);
                }
            }
        }
    }
}
