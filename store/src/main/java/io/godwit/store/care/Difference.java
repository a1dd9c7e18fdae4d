// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store.care;

import io.godwit.store.pages.PageId;
import io.godwit.store.pages.PlaceNumber;
import io.godwit.store.snapshots.SavedBlock;
import io.godwit.store.snapshots.SavedDevice;
import io.godwit.store.snapshots.Snapshot;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What is not the same in two snapshots.
 *
 * @param blocks RAM blocks of either, by name
 * @param devices devices of either that are not the same, by name
 */
public record Difference(List<Block> blocks, List<Device> devices) {
    private static final int BATCH_PAGES = 4096;

    /** LIMIT: ranges that are told of a block. */
    private static final int MAX_RANGES = 10_000;

    /** Pages {@code first} to {@code first + count - 1} of a block. */
    public record Range(long first, long count) {}

    /**
     * A RAM block.
     *
     * @param firstBytes its length in the first snapshot, 0 if it is not there
     * @param secondBytes and in the second
     * @param differingPages pages that are in both and not the same
     * @param ranges where they are, the first {@value #MAX_RANGES}
     */
    public record Block(String idstr, long firstBytes, long secondBytes, long differingPages, List<Range> ranges) {
        /** Whether nothing differs. */
        public boolean isSame() {
            return differingPages == 0 && firstBytes == secondBytes;
        }
    }

    /**
     * A device that is not the same.
     *
     * @param device its name, with the instance
     * @param what half a sentence: only in one of them, or what differs
     * @param fields names of fields that differ, as far as the vmdesc tells
     */
    public record Device(String device, String what, List<String> fields) {}

    /** Compares; reads no page, only hashes. */
    public static Difference between(Snapshot first, Snapshot second) {
        return new Difference(blocks(first, second), devices(first, second));
    }

    private static List<Block> blocks(Snapshot first, Snapshot second) {
        List<SavedBlock> theirs = second.manifest().blocks();
        List<Block> found = new ArrayList<>();
        for (int i = 0; i < first.manifest().blocks().size(); i++) {
            SavedBlock block = first.manifest().blocks().get(i);
            int other = indexOf(theirs, block.idstr());
            found.add(
                    other < 0
                            ? new Block(block.idstr(), block.byteLength(), 0, 0, List.of())
                            : new BlockComparison(first, i, second, other).run());
        }
        for (SavedBlock block : theirs) {
            if (indexOf(first.manifest().blocks(), block.idstr()) < 0) {
                found.add(new Block(block.idstr(), 0, block.byteLength(), 0, List.of()));
            }
        }
        return List.copyOf(found);
    }

    private static int indexOf(List<SavedBlock> blocks, String idstr) {
        for (int i = 0; i < blocks.size(); i++) {
            if (blocks.get(i).idstr().equals(idstr)) {
                return i;
            }
        }
        return -1;
    }

    private static List<Device> devices(Snapshot first, Snapshot second) {
        Map<String, SavedDevice> theirs = new LinkedHashMap<>();
        second.manifest().devices().forEach(device -> theirs.put(device.shown(), device));
        DeviceFields fields = DeviceFields.of(first.manifest().vmDescription());
        List<Device> found = new ArrayList<>();
        for (SavedDevice device : first.manifest().devices()) {
            SavedDevice other = theirs.remove(device.shown());
            if (other == null) {
                found.add(new Device(device.shown(), "only in " + first.name(), List.of()));
            } else if (!other.equals(device)) {
                found.add(new Device(device.shown(), what(device, other), fields.differing(device, other)));
            }
        }
        theirs.values().forEach(device -> found.add(new Device(device.shown(), "only in " + second.name(), List.of())));
        return List.copyOf(found);
    }

    private static String what(SavedDevice one, SavedDevice other) {
        if (one.versionId() != other.versionId()) {
            return "version " + one.versionId() + " and " + other.versionId();
        }
        int length = one.payload().byteLength();
        if (length != other.payload().byteLength()) {
            return length + " and " + other.payload().byteLength() + " bytes";
        }
        int differing = 0;
        for (int i = 0; i < length; i++) {
            differing += one.payload().at(i) == other.payload().at(i) ? 0 : 1;
        }
        return differing + " of " + length + " bytes";
    }

    /** One block that is in both. */
    private static final class BlockComparison {
        private final Snapshot first;
        private final int firstBlock;
        private final Snapshot second;
        private final int secondBlock;
        private final boolean sameStore;
        private final long[] places = new long[BATCH_PAGES];
        private final long[] otherPlaces = new long[BATCH_PAGES];
        private final byte[] id = new byte[PageId.BYTES];
        private final byte[] otherId = new byte[PageId.BYTES];
        private final List<Range> ranges = new ArrayList<>();
        private long differing;
        private long rangeStart = -1;

        BlockComparison(Snapshot first, int firstBlock, Snapshot second, int secondBlock) {
            this.first = first;
            this.firstBlock = firstBlock;
            this.second = second;
            this.secondBlock = secondBlock;
            sameStore = first.isOfSameStore(second);
        }

        Block run() {
            SavedBlock one = first.manifest().blocks().get(firstBlock);
            SavedBlock other = second.manifest().blocks().get(secondBlock);
            long pages = Math.min(one.pageCount(), other.pageCount());
            for (long page = 0; page < pages; page += BATCH_PAGES) {
                int count = (int) Math.min(BATCH_PAGES, pages - page);
                first.places(firstBlock, page, count, places);
                second.places(secondBlock, page, count, otherPlaces);
                for (int i = 0; i < count; i++) {
                    see(page + i, isSame(places[i], otherPlaces[i]));
                }
            }
            see(pages, true);
            return new Block(one.idstr(), one.byteLength(), other.byteLength(), differing, List.copyOf(ranges));
        }

        private boolean isSame(long place, long otherPlace) {
            boolean stored = PlaceNumber.isStored(place);
            if (place == otherPlace && (sameStore || !stored)) {
                return true;
            }
            if (stored != PlaceNumber.isStored(otherPlace)) {
                return false;
            }
            if (stored) {
                first.id(place, id, 0);
                second.id(otherPlace, otherId, 0);
            }
            return !stored || Arrays.equals(id, otherId);
        }

        private void see(long page, boolean same) {
            if (!same) {
                differing++;
                rangeStart = rangeStart < 0 ? page : rangeStart;
            } else if (rangeStart >= 0) {
                if (ranges.size() < MAX_RANGES) {
                    ranges.add(new Range(rangeStart, page - rangeStart));
                }
                rangeStart = -1;
            }
        }
    }
}
