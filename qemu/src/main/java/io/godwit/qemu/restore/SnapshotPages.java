// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.qemu.restore;

import io.godwit.engine.memory.PageBatch;
import io.godwit.engine.memory.RamBlock;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.store.pages.PlaceNumber;
import io.godwit.store.snapshots.Snapshot;
import java.util.Optional;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.Supplier;

/**
 * Pages read from a snapshot when they are sent. A snapshot is for one thread, so it is opened once more for each
 * thread that reads at the same time.
 */
final class SnapshotPages implements StoredPages {
    private final Supplier<Snapshot> opener;
    private final ConcurrentLinkedQueue<Reader> idle = new ConcurrentLinkedQueue<>();
    private final NativeMemory zeroPage = NativeMemory.allocate(RamBlock.PAGE_BYTES);
    private final ReadAhead ahead;

    /** Begins with a snapshot that is open; {@code opener} opens it again. */
    SnapshotPages(Snapshot first, Supplier<Snapshot> opener) {
        this.opener = opener;
        ahead = new ReadAhead(opener, first.manifest().blocks(), zeroPage);
        idle.add(new Reader(first));
    }

    private static final class Reader {
        private final Snapshot snapshot;
        private final byte[] page = new byte[RamBlock.PAGE_BYTES];
        private long[] places = new long[0];

        Reader(Snapshot snapshot) {
            this.snapshot = snapshot;
        }

        void locate(int block, PageBatch batch, NativeMemory zeroPage) {
            if (places.length < batch.capacity()) {
                places = new long[batch.capacity()];
            }
            int done = 0;
            while (done < batch.count()) {
                int length = 1;
                while (done + length < batch.count() && batch.page(done + length) == batch.page(done) + length) {
                    length++;
                }
                snapshot.places(block, batch.page(done), length, places);
                for (int i = 0; i < length; i++) {
                    put(batch, done + i, places[i], zeroPage);
                }
                done += length;
            }
        }

        private void put(PageBatch batch, int index, long place, NativeMemory zeroPage) {
            if (!PlaceNumber.isStored(place)) {
                // Of zeros, or never captured: either way the destination needs a record for it.
                batch.locate(index, zeroPage, 0);
                return;
            }
            snapshot.page(place, page, 0);
            long at = (long) index << RamBlock.PAGE_SHIFT;
            batch.room().copyFrom(at, page, 0, RamBlock.PAGE_BYTES);
            batch.locate(index, batch.room(), at);
        }
    }

    @Override
    public void locate(int block, PageBatch batch) {
        if (ahead.locate(block, batch)) {
            return;
        }
        Reader reader = Optional.ofNullable(idle.poll()).orElseGet(() -> new Reader(opener.get()));
        try {
            reader.locate(block, batch, zeroPage);
        } finally {
            idle.add(reader);
        }
    }

    /** With no thread reading any more. */
    @Override
    public void close() {
        ahead.close();
        idle.forEach(reader -> reader.snapshot.close());
        idle.clear();
        zeroPage.close();
    }
}
