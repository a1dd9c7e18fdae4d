// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store.snapshots;

import io.godwit.store.SnapshotName;
import io.godwit.store.StoreException;
import io.godwit.store.objects.ObjectName;
import io.godwit.store.objects.ObjectPlace;
import io.godwit.store.objects.SealedForm;
import io.godwit.store.objects.SealedReader;
import io.godwit.store.pages.Pack;
import io.godwit.store.pages.Packs;
import io.godwit.store.pages.PageId;
import io.godwit.store.pages.PageReader;
import io.godwit.store.pages.PlaceNumber;
import io.godwit.stream.Bytes;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * An open snapshot. It cannot be removed, nor what it needs be collected, before {@link #close}. Whoever wants to read
 * with several threads opens it several times. One thread.
 */
public final class Snapshot implements AutoCloseable {
    private static final int GROUP_BITS = 9;
    private static final int KEPT_GROUPS = 64;

    private final SnapshotName name;
    private final ObjectPlace place;
    private final ObjectPlace.Hold hold;
    private final SealedReader file;
    private final Manifest manifest;
    private final GroupList groups;
    private final int[] firstGroups;
    private final PageReader reader;
    private final Map<Integer, Bytes> identities = new LinkedHashMap<>();
    private final Set<Integer> checkedPacks = new HashSet<>();
    private final byte[] packed = new byte[TableGroup.MAX_BYTES];
    private final Map<Integer, long[]> kept = new LinkedHashMap<>(KEPT_GROUPS, 0.75f, true);

    private Snapshot(SnapshotName name, ObjectPlace place, ObjectPlace.Hold hold, SealedReader file) {
        this.name = name;
        this.place = place;
        this.hold = hold;
        this.file = file;
        ManifestCodec.Decoded decoded = ManifestCodec.decode(file);
        manifest = decoded.manifest();
        groups = decoded.groups();
        firstGroups = GroupList.firsts(manifest.blocks());
        reader = new PageReader(new Packs(place));
        manifest.packs().forEach(pack -> identities.put(pack.number(), pack.identity()));
    }

    /**
     * Opens a snapshot.
     *
     * @throws StoreException if there is none of this name
     * @throws io.godwit.store.DamageException if its file is not what was written
     */
    public static Snapshot open(ObjectPlace place, SnapshotName name) {
        ObjectName object = ObjectName.snapshot(name);
        if (!place.has(object)) {
            throw new StoreException("There is no snapshot '" + name + "' in " + place + ".");
        }
        ObjectPlace.Hold hold = place.holdForReading(object);
        boolean opened = false;
        try {
            SealedReader file = SealedReader.open(place.open(object), ManifestCodec.MAGIC);
            Snapshot snapshot = new Snapshot(name, place, hold, file);
            opened = true;
            return snapshot;
        } finally {
            if (!opened) {
                hold.close();
            }
        }
    }

    /** Its name. */
    public SnapshotName name() {
        return name;
    }

    /** Whether a place means the same in both. */
    public boolean isOfSameStore(Snapshot other) {
        return place.scratch().equals(other.place.scratch());
    }

    /** What it is. */
    public Manifest manifest() {
        return manifest;
    }

    /** Bytes of its file, pages not counted. */
    public long byteLength() {
        return file.byteLength();
    }

    /**
     * Puts the values of pages, as {@link PlaceNumber} has them.
     *
     * @param block index in the list of blocks
     * @param firstPage number in the block
     */
    public void places(int block, long firstPage, int count, long[] into) {
        checkRange(block, firstPage, count);
        int done = 0;
        while (done < count) {
            long page = firstPage + done;
            int inGroup = (int) page & (TableGroup.PAGES - 1);
            int taken = Math.min(count - done, TableGroup.PAGES - inGroup);
            System.arraycopy(group(block, page >>> GROUP_BITS), inGroup, into, done, taken);
            done += taken;
        }
    }

    private void checkRange(int block, long firstPage, int count) {
        if (block < 0 || block >= firstGroups.length) {
            throw new StoreException("Snapshot '" + name + "' has no RAM block " + block + ".");
        }
        long pages = manifest.blocks().get(block).pageCount();
        if (firstPage < 0 || count < 0 || firstPage > pages - count) {
            throw new StoreException(
                    "RAM block '" + manifest.blocks().get(block).idstr() + "' has " + pages + " pages, not " + firstPage
                            + " and " + count + " more.");
        }
    }

    private long[] group(int block, long inBlock) {
        int group = firstGroups[block] + (int) inBlock;
        long[] found = kept.get(group);
        if (found == null) {
            found = kept.size() < KEPT_GROUPS ? new long[TableGroup.PAGES] : oldest();
            long left = manifest.blocks().get(block).pageCount() - inBlock * TableGroup.PAGES;
            readGroup(group, found, (int) Math.min(TableGroup.PAGES, left));
            kept.put(group, found);
        }
        return found;
    }

    private long[] oldest() {
        int key = kept.keySet().iterator().next();
        long[] oldest = kept.remove(key);
        return oldest == null ? new long[TableGroup.PAGES] : oldest;
    }

    private void readGroup(int group, long[] into, int count) {
        int length = groups.length(group);
        if (length == 0) {
            Arrays.fill(into, 0, count, groups.offset(group));
            return;
        }
        file.read(groups.offset(group), packed, 0, length);
        if (SealedForm.crc(packed, 0, length) != groups.crc(group) || !TableGroup.decode(packed, length, into, count)) {
            throw file.damage("group " + group + " of its page table, " + length + " bytes from byte "
                    + groups.offset(group) + ", is not what was written");
        }
    }

    /**
     * Reads pages. Zero pages, and those that never came, are zeros.
     *
     * @param into room for {@code count} pages from {@code at} on
     * @throws io.godwit.store.DamageException if one is not what was written
     */
    public void read(int block, long firstPage, int count, byte[] into, int at) {
        long[] places = new long[count];
        places(block, firstPage, count, places);
        for (int i = 0; i < count; i++) {
            page(places[i], into, at + i * PageId.PAGE_BYTES);
        }
    }

    /** Reads the page that one of {@link #places} names. */
    public void page(long place, byte[] into, int at) {
        if (PlaceNumber.isStored(place)) {
            checkPack(PlaceNumber.pack(place));
            reader.read(place, into, at);
        } else {
            Arrays.fill(into, at, at + PageId.PAGE_BYTES, (byte) 0);
        }
    }

    /**
     * Looks at all that reading needs but the pages themselves: the page table, the packs, and which chunks they have.
     *
     * @throws io.godwit.store.DamageException if something is missing, or not what was written
     */
    public void checkReadable() {
        long[] places = new long[TableGroup.PAGES];
        long seen = 0;
        for (int block = 0; block < firstGroups.length; block++) {
            long pages = manifest.blocks().get(block).pageCount();
            for (long first = 0; first < pages; first += TableGroup.PAGES) {
                int count = (int) Math.min(TableGroup.PAGES, pages - first);
                places(block, first, count, places);
                for (int i = 0; i < count; i++) {
                    if (PlaceNumber.isStored(places[i]) && places[i] / Pack.CHUNK_PAGES != seen) {
                        seen = places[i] / Pack.CHUNK_PAGES;
                        requirePage(places[i]);
                    }
                }
            }
        }
    }

    private void requirePage(long place) {
        int number = PlaceNumber.pack(place);
        checkPack(number);
        Pack pack = reader.packs().pack(number);
        if (!pack.has(PlaceNumber.page(place))) {
            throw file.damage(
                    "it needs page " + PlaceNumber.page(place) + " of " + pack.name() + ", which is not there");
        }
    }

    /** Bytes of compressed pages that were read so far. */
    public long readBytes() {
        return reader.readBytes();
    }

    /** Puts the id of a page with content. */
    public void id(long place, byte[] into, int at) {
        checkPack(PlaceNumber.pack(place));
        reader.packs().id(place, into, at);
    }

    /** A pack of that number must be the one that was meant. */
    private void checkPack(int number) {
        if (checkedPacks.contains(number)) {
            return;
        }
        Pack pack = reader.packs().pack(number);
        if (!Optional.of(pack.identity()).equals(Optional.ofNullable(identities.get(number)))) {
            throw file.damage("it needs another " + pack.name() + " than the one that is there");
        }
        checkedPacks.add(number);
    }

    @Override
    public void close() {
        reader.close();
        file.close();
        hold.close();
    }
}
