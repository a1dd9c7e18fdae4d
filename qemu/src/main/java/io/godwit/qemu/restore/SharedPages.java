// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.qemu.restore;

import io.godwit.engine.memory.PageBatch;
import io.godwit.engine.memory.PageBitmap;
import io.godwit.engine.memory.RamBlock;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.store.pages.Pack;
import io.godwit.store.pages.PlaceNumber;
import io.godwit.store.snapshots.Manifest;
import io.godwit.store.snapshots.SavedBlock;
import io.godwit.store.snapshots.Snapshot;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Pages of one snapshot that several guests get. Each chunk is read and decompressed once, by whoever needs it first,
 * into memory from which all are sent. That takes as much memory as one of the guests has content.
 */
final class SharedPages implements StoredPages {
    private final Snapshot snapshot;
    private final NativeMemory zeroPage = NativeMemory.allocate(RamBlock.PAGE_BYTES);
    private final List<long[]> table = new ArrayList<>();
    private final int[] packs;
    /** For each pack and each of its chunks that is used: where it is put, from 1. */
    private final int[][] slots;

    private final NativeMemory chunks;
    private final PageBitmap there;
    /** For each slot, the pages of the chunk that are used, as bits. */
    private final short[] used;

    private final byte[] page = new byte[RamBlock.PAGE_BYTES];
    private final ReentrantLock reading = new ReentrantLock();

    /** For one of the guests, whose end is not that of the others. */
    record View(SharedPages pages) implements StoredPages {
        @Override
        public void locate(int block, PageBatch batch) {
            pages.locate(block, batch);
        }
    }

    /** Of a snapshot, which it closes. */
    SharedPages(Snapshot snapshot) {
        this.snapshot = snapshot;
        Manifest manifest = snapshot.manifest();
        packs = manifest.packs().stream()
                .mapToInt(Manifest.UsedPack::number)
                .sorted()
                .toArray();
        slots = new int[packs.length][];
        Arrays.setAll(slots, _ -> new int[(int) (PlaceNumber.of(1, 0) / Pack.CHUNK_PAGES)]);
        int count = 0;
        for (int i = 0; i < manifest.blocks().size(); i++) {
            count = number(i, manifest.blocks().get(i), count);
        }
        used = new short[count];
        table.forEach(this::noteUsed);
        there = new PageBitmap(Math.max(1, count));
        chunks = NativeMemory.mapAnonymous(Math.max(1, count) * (long) Pack.CHUNK_BYTES);
    }

    /** Gives the chunks of a block their slots; how many there are then. */
    private int number(int block, SavedBlock saved, int before) {
        long[] places = new long[Math.toIntExact(saved.pageCount())];
        snapshot.places(block, 0, places.length, places);
        table.add(places);
        int count = before;
        for (long place : places) {
            if (PlaceNumber.isStored(place)) {
                int[] ofPack = slots[packIndex(place)];
                int chunk = PlaceNumber.page(place) / Pack.CHUNK_PAGES;
                if (ofPack[chunk] == 0) {
                    ofPack[chunk] = ++count;
                }
            }
        }
        return count;
    }

    private void noteUsed(long[] places) {
        for (long place : places) {
            if (PlaceNumber.isStored(place)) {
                used[slot(place)] |= (short) (1 << PlaceNumber.page(place) % Pack.CHUNK_PAGES);
            }
        }
    }

    private int packIndex(long place) {
        int found = Arrays.binarySearch(packs, PlaceNumber.pack(place));
        if (found < 0) {
            throw new IllegalStateException("The snapshot uses a pack that it does not name.");
        }
        return found;
    }

    private int slot(long place) {
        return slots[packIndex(place)][PlaceNumber.page(place) / Pack.CHUNK_PAGES] - 1;
    }

    @Override
    public void locate(int block, PageBatch batch) {
        long[] places = table.get(block);
        for (int i = 0; i < batch.count(); i++) {
            long place = places[(int) batch.page(i)];
            if (!PlaceNumber.isStored(place)) {
                batch.locate(i, zeroPage, 0);
                continue;
            }
            int slot = slot(place);
            if (!there.isSet(slot)) {
                read(place, slot);
            }
            batch.locate(i, chunks, offset(slot, PlaceNumber.page(place) % Pack.CHUNK_PAGES));
        }
    }

    private static long offset(int slot, int inChunk) {
        return slot * (long) Pack.CHUNK_BYTES + inChunk * (long) RamBlock.PAGE_BYTES;
    }

    private void read(long place, int slot) {
        long first = place - PlaceNumber.page(place) % Pack.CHUNK_PAGES;
        reading.lock();
        try {
            if (there.isSet(slot)) {
                return;
            }
            for (int i = 0; i < Pack.CHUNK_PAGES; i++) {
                if ((used[slot] & 1 << i) != 0) {
                    snapshot.page(first + i, page, 0);
                    chunks.copyFrom(offset(slot, i), page, 0, RamBlock.PAGE_BYTES);
                }
            }
            // ORDERING: behind the content.
            there.set(slot);
        } finally {
            reading.unlock();
        }
    }

    /** Bytes of compressed pages that were read so far. */
    long readBytes() {
        reading.lock();
        try {
            return snapshot.readBytes();
        } finally {
            reading.unlock();
        }
    }

    /** With no guest being sent any more. */
    @Override
    public void close() {
        snapshot.close();
        chunks.close();
        zeroPage.close();
    }
}
