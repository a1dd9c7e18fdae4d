// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store.care;

import io.godwit.store.SnapshotName;
import io.godwit.store.Store;
import io.godwit.store.StoreException;
import io.godwit.store.objects.ObjectName;
import io.godwit.store.objects.ObjectPlace;
import io.godwit.store.objects.StoreFiles;
import io.godwit.store.pages.Pack;
import io.godwit.store.pages.Packs;
import io.godwit.store.pages.PlaceNumber;
import io.godwit.store.snapshots.Manifest;
import io.godwit.store.snapshots.Snapshot;
import java.io.IOException;
import java.nio.file.Files;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Frees what no snapshot uses. */
public final class Collector {
    /** A pack is written anew if at least one part in so many is not used. */
    private static final int WORTH = 16;

    private static final int BATCH_PAGES = 4096;

    private final ObjectPlace place;
    private final Map<Integer, BitSet> used = new HashMap<>();
    private final long[] places = new long[BATCH_PAGES];

    /**
     * What was freed.
     *
     * @param removedPacks packs of which no page was used
     * @param shrunkPacks packs that were written anew without some of their chunks
     * @param freedBytes by both
     * @param keptBytes of the packs that are there now
     */
    public record Collected(int removedPacks, int shrunkPacks, long freedBytes, long keptBytes) {}

    private Collector(ObjectPlace place) {
        this.place = place;
    }

    /**
     * Collects, under the store's lock for writing.
     *
     * @throws StoreException if somebody writes, or a snapshot cannot be read: what it uses is not known then
     */
    public static Collected collect(Store store) {
        try (ObjectPlace.Hold _ = store.place().lockForWriting()) {
            Collector collector = new Collector(store.place());
            for (SnapshotName name : store.snapshots()) {
                collector.mark(name);
            }
            return collector.sweep();
        }
    }

    private void mark(SnapshotName name) {
        ObjectName object = ObjectName.snapshot(name);
        try (Snapshot snapshot = Snapshot.open(place, name)) {
            mark(snapshot);
        } catch (StoreException e) {
            if (place.has(object)) {
                throw new StoreException(
                        "Nothing was collected, because it is not known what snapshot '" + name + "' uses: "
                                + e.getMessage(),
                        e);
            }
        }
    }

    private void mark(Snapshot snapshot) {
        Manifest manifest = snapshot.manifest();
        for (int block = 0; block < manifest.blocks().size(); block++) {
            long pages = manifest.blocks().get(block).pageCount();
            for (long first = 0; first < pages; first += BATCH_PAGES) {
                int count = (int) Math.min(BATCH_PAGES, pages - first);
                snapshot.places(block, first, count, places);
                for (int i = 0; i < count; i++) {
                    if (PlaceNumber.isStored(places[i])) {
                        used.computeIfAbsent(PlaceNumber.pack(places[i]), _ -> new BitSet())
                                .set(PlaceNumber.page(places[i]));
                    }
                }
            }
        }
    }

    private Collected sweep() {
        place.clearUnfinished();
        removeTraces();
        int removed = 0;
        int shrunk = 0;
        long freed = 0;
        long kept = 0;
        boolean indexed = true;
        for (int number : Packs.numbers(place)) {
            BitSet pages = used.getOrDefault(number, new BitSet());
            try (Pack pack = Pack.open(place, number)) {
                long before = pack.byteLength();
                boolean unused = pages.isEmpty();
                if (!unused && pack.unusedBytes(pages) * WORTH < before) {
                    kept += before;
                    continue;
                }
                if (indexed) {
                    removeIndex();
                    indexed = false;
                }
                if (unused) {
                    place.remove(ObjectName.pack(number));
                    removed++;
                    freed += before;
                } else {
                    long gone = pack.shrink(place, pages);
                    shrunk++;
                    freed += gone;
                    kept += before - gone;
                }
            }
        }
        return new Collected(removed, shrunk, freed, kept);
    }

    /** Those of snapshots that are gone. */
    private void removeTraces() {
        List<String> snapshots = place.list(ObjectName.Kind.SNAPSHOT);
        for (String key : place.list(ObjectName.Kind.TRACE)) {
            if (!snapshots.contains(key)) {
                place.remove(new ObjectName(ObjectName.Kind.TRACE, key));
            }
        }
    }

    private void removeIndex() {
        try {
            boolean _ = Files.deleteIfExists(place.index());
        } catch (IOException e) {
            throw StoreFiles.failure(place.index() + " cannot be removed", e);
        }
    }
}
