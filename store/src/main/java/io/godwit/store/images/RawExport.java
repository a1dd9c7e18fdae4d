// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store.images;

import io.godwit.store.pages.PageId;
import io.godwit.store.snapshots.SavedBlock;
import io.godwit.store.snapshots.Snapshot;
import java.nio.file.Path;

/** Writes one RAM block, byte for byte. Pages of zeros become holes. */
public final class RawExport {
    private RawExport() {}

    /**
     * Writes {@code path}, which must not be there yet.
     *
     * @param block index in the list of blocks
     */
    public static void write(Snapshot snapshot, int block, Path path) {
        SavedBlock saved = snapshot.manifest().blocks().get(block);
        try (ExportFile file = new ExportFile(path)) {
            BlockPages.forEach(
                    snapshot,
                    block,
                    0,
                    saved.pageCount(),
                    (page, content) -> file.write(page * PageId.PAGE_BYTES, content, 0, PageId.PAGE_BYTES));
            file.finish(saved.byteLength());
        }
    }
}
