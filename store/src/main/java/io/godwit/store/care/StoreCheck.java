// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store.care;

import io.godwit.store.DamageException;
import io.godwit.store.SnapshotName;
import io.godwit.store.Store;
import io.godwit.store.StoreException;
import io.godwit.store.objects.ObjectName;
import io.godwit.store.objects.ObjectPlace;
import io.godwit.store.pages.Pack;
import io.godwit.store.pages.Packs;
import io.godwit.store.pages.PageIndex;
import io.godwit.store.pages.PlaceNumber;
import io.godwit.store.snapshots.Manifest;
import io.godwit.store.snapshots.Snapshot;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/** Reads a whole store and compares every byte with its sum. */
public final class StoreCheck {
    private static final int BATCH_PAGES = 4096;

    private final Store store;
    private final ObjectPlace place;
    private final List<Damage> damages = new ArrayList<>();
    private final List<String> notes = new ArrayList<>();
    private final Set<Integer> damagedPacks = new HashSet<>();
    private final Set<Integer> neededPacks = new HashSet<>();
    private final long[] places = new long[BATCH_PAGES];
    private long checkedBytes;

    /**
     * Something that is not what was written.
     *
     * @param object the file
     * @param what half a sentence: what in it is wrong
     * @param snapshots that need it
     */
    public record Damage(String object, String what, List<SnapshotName> snapshots) {}

    /**
     * What was found.
     *
     * @param damages empty if the store is whole
     * @param notes what else is to be said, sentences
     * @param snapshots how many
     * @param packs how many
     * @param checkedBytes of packs and snapshots
     */
    public record Report(List<Damage> damages, List<String> notes, int snapshots, int packs, long checkedBytes) {}

    private StoreCheck(Store store) {
        this.store = store;
        place = store.place();
    }

    /** Checks a store. Others may read and write it meanwhile. */
    public static Report check(Store store) {
        return new StoreCheck(store).run();
    }

    private Report run() {
        List<Integer> packs = Packs.numbers(place);
        for (int number : packs) {
            checkPack(number);
        }
        List<SnapshotName> names = store.snapshots();
        for (SnapshotName name : names) {
            checkSnapshot(name);
        }
        if (damagedPacks.isEmpty()) {
            checkIndex();
        }
        noteStrangers(packs, names);
        return new Report(List.copyOf(damages), List.copyOf(notes), names.size(), packs.size(), checkedBytes);
    }

    private void checkPack(int number) {
        try (Pack pack = Pack.open(place, number)) {
            checkedBytes += pack.byteLength();
            pack.verify();
        } catch (DamageException e) {
            damagedPacks.add(number);
            damages.add(new Damage(e.object(), e.what(), needing(number)));
        } catch (StoreException e) {
            if (place.has(ObjectName.pack(number))) {
                throw e;
            }
        }
    }

    private List<SnapshotName> needing(int pack) {
        Set<SnapshotName> needing = new TreeSet<>();
        for (SnapshotName name : store.snapshots()) {
            try (Snapshot snapshot = store.snapshot(name)) {
                if (snapshot.manifest().packs().stream().anyMatch(used -> used.number() == pack)) {
                    needing.add(name);
                }
            } catch (StoreException _) {
                // It is gone, or it is damaged, which is found when it is looked at.
            }
        }
        return List.copyOf(needing);
    }

    private void checkSnapshot(SnapshotName name) {
        try (Snapshot snapshot = store.snapshot(name);
                Packs packs = new Packs(place)) {
            checkedBytes += snapshot.byteLength();
            for (Manifest.UsedPack used : snapshot.manifest().packs()) {
                neededPacks.add(used.number());
                checkUse(snapshot, used, packs);
            }
            checkPages(snapshot, packs);
        } catch (DamageException e) {
            damages.add(new Damage(e.object(), e.what(), List.of(name)));
        } catch (StoreException e) {
            if (place.has(ObjectName.snapshot(name))) {
                throw e;
            }
        }
    }

    private void checkUse(Snapshot snapshot, Manifest.UsedPack used, Packs packs) {
        ObjectName object = ObjectName.pack(used.number());
        if (!place.has(object)) {
            throw new DamageException(
                    ObjectName.snapshot(snapshot.name()).path(), "it needs " + object + ", which is not there");
        }
        if (!damagedPacks.contains(used.number())
                && !packs.pack(used.number()).identity().equals(used.identity())) {
            throw new DamageException(
                    ObjectName.snapshot(snapshot.name()).path(),
                    "it needs another " + object + " than the one that is there");
        }
    }

    private void checkPages(Snapshot snapshot, Packs packs) {
        Set<Integer> listed = new HashSet<>();
        snapshot.manifest().packs().forEach(used -> listed.add(used.number()));
        Set<Integer> present = new HashSet<>(Packs.numbers(place));
        Manifest.Counts counts = snapshot.manifest().counts();
        long content = 0;
        long zero = 0;
        for (int block = 0; block < snapshot.manifest().blocks().size(); block++) {
            long pages = snapshot.manifest().blocks().get(block).pageCount();
            for (long first = 0; first < pages; first += BATCH_PAGES) {
                int count = (int) Math.min(BATCH_PAGES, pages - first);
                snapshot.places(block, first, count, places);
                for (int i = 0; i < count; i++) {
                    if (PlaceNumber.isStored(places[i])) {
                        content++;
                        checkPage(snapshot, block, first + i, listed, present, packs, places[i]);
                    } else {
                        zero += places[i] == PlaceNumber.ZERO ? 1 : 0;
                    }
                }
            }
        }
        if (content != counts.content() || zero != counts.zero()) {
            throw new DamageException(
                    ObjectName.snapshot(snapshot.name()).path(),
                    "its page table has " + content + " pages with content, not " + counts.content());
        }
    }

    private void checkPage(
            Snapshot snapshot,
            int block,
            long page,
            Set<Integer> listed,
            Set<Integer> present,
            Packs packs,
            long where) {
        int number = PlaceNumber.pack(where);
        boolean right = listed.contains(number)
                && present.contains(number)
                && (damagedPacks.contains(number) || packs.pack(number).has(PlaceNumber.page(where)));
        if (!right) {
            throw new DamageException(
                    ObjectName.snapshot(snapshot.name()).path(),
                    "page " + page + " of RAM block '"
                            + snapshot.manifest().blocks().get(block).idstr() + "' is nowhere");
        }
    }

    private void checkIndex() {
        ObjectPlace.Hold lock;
        try {
            lock = place.lockForWriting();
        } catch (StoreException _) {
            notes.add("The index was not looked at: somebody writes to the store.");
            return;
        }
        try (lock;
                Packs packs = new Packs(place)) {
            if (!PageIndex.verify(place, packs)) {
                notes.add("The index is not up to date; the next writer makes it anew.");
            }
        } catch (DamageException e) {
            damages.add(new Damage(
                    e.object(),
                    e.what() + "; no page is lost by that, remove the file and it is made anew",
                    List.of()));
        }
    }

    private void noteStrangers(List<Integer> packs, List<SnapshotName> names) {
        long unneeded =
                packs.stream().filter(number -> !neededPacks.contains(number)).count();
        if (unneeded > 0 && damages.isEmpty()) {
            notes.add("No snapshot uses " + unneeded + " of " + packs.size() + " packs; gc removes them.");
        }
        for (String stranger : place.strangers()) {
            notes.add(stranger + " is no file of a store.");
        }
        for (String key : place.list(ObjectName.Kind.PACK)) {
            if (packs.stream().noneMatch(number -> ObjectName.pack(number).key().equals(key))) {
                notes.add("packs/" + key + ".pack is no file of a store.");
            }
        }
        for (String key : place.list(ObjectName.Kind.SNAPSHOT)) {
            if (names.stream().noneMatch(name -> name.key().equals(key))) {
                notes.add("snapshots/" + key + ".snapshot is no file of a store.");
            }
        }
    }
}
