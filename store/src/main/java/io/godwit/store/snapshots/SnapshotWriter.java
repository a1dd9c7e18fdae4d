// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store.snapshots;

import io.godwit.store.SnapshotName;
import io.godwit.store.StoreException;
import io.godwit.store.objects.ObjectName;
import io.godwit.store.objects.ObjectPlace;
import io.godwit.store.objects.SealedForm;
import io.godwit.store.objects.SealedWriter;
import io.godwit.store.pages.PageDeposit;
import io.godwit.store.pages.PageId;
import io.godwit.store.pages.PlaceNumber;
import io.godwit.stream.Bytes;
import io.godwit.stream.Configuration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedSet;
import java.util.TreeSet;

/**
 * Writes one snapshot. It holds the store's lock for writing from its beginning to {@link #close}. Pages come in any
 * order and any number of times; the last one counts. Nothing of the snapshot is to be seen before {@link #finish} has
 * returned. One thread.
 */
public final class SnapshotWriter implements AutoCloseable {
    private static final int PAGE_BITS = 12;
    private static final int GROUP_BITS = 9;

    private final ObjectPlace place;
    private final ObjectName name;
    private final ObjectPlace.Hold lock;
    private List<SavedBlock> blocks = List.of();
    private int[] firstGroups = new int[0];
    private Optional<PageDeposit> deposit = Optional.empty();
    private Optional<PageTableDraft> table = Optional.empty();

    /**
     * Begins a snapshot.
     *
     * @throws StoreException if there is one of this name, or somebody else writes to the store
     */
    public SnapshotWriter(ObjectPlace place, SnapshotName name) {
        this.place = place;
        this.name = ObjectName.snapshot(name);
        lock = place.lockForWriting();
        boolean begun = false;
        try {
            if (place.has(this.name)) {
                throw new StoreException("There is a snapshot '" + name + "' in " + place
                        + " already, and it stays as it is; take another name, or remove it first.");
            }
            place.clearUnfinished();
            begun = true;
        } finally {
            if (!begun) {
                lock.close();
            }
        }
    }

    /** Says which blocks there are, before the first page. */
    public void blocks(List<SavedBlock> list) {
        if (table.isPresent()) {
            throw new StoreException("The list of RAM blocks came a second time; a snapshot has one.");
        }
        blocks = List.copyOf(list);
        try {
            firstGroups = GroupList.firsts(blocks);
        } catch (ArithmeticException e) {
            throw new StoreException("The RAM blocks are too long for a snapshot: more than 4 PiB.", e);
        }
        long pages = blocks.stream().mapToLong(SavedBlock::pageCount).sum();
        deposit = Optional.of(new PageDeposit(place, Math.min(pages / 4, 1 << 20)));
        table = Optional.of(new PageTableDraft(place.scratch().resolve("page-table")));
    }

    /**
     * A page.
     *
     * @param block its index in the list
     * @param offset bytes from the block's start, a multiple of 4096
     * @param content holds the page at {@code at} during this call
     */
    public void page(int block, long offset, byte[] content, int at) {
        set(block, offset, deposit().put(content, at));
    }

    /**
     * The same for a page whose id is known.
     *
     * @param ids holds at {@code idAt} what {@link PageId} makes of the page
     */
    public void page(int block, long offset, byte[] content, int at, byte[] ids, int idAt) {
        set(block, offset, deposit().put(content, at, ids, idAt));
    }

    /** A page of zeros. */
    public void zeroPage(int block, long offset) {
        set(block, offset, PlaceNumber.ZERO);
    }

    private void set(int block, long offset, long value) {
        if (block < 0
                || block >= blocks.size()
                || offset < 0
                || (offset & (PageId.PAGE_BYTES - 1)) != 0
                || offset >= blocks.get(block).byteLength()) {
            throw new StoreException("There is no page at byte " + offset + " of RAM block " + block + ".");
        }
        long page = offset >>> PAGE_BITS;
        draft().set(firstGroups[block] + (int) (page >>> GROUP_BITS), (int) page & (TableGroup.PAGES - 1), value);
    }

    private PageDeposit deposit() {
        return deposit.orElseThrow(SnapshotWriter::noBlocks);
    }

    private PageTableDraft draft() {
        return table.orElseThrow(SnapshotWriter::noBlocks);
    }

    private static StoreException noBlocks() {
        return new StoreException("The list of RAM blocks comes before the first page.");
    }

    /**
     * Makes the snapshot last.
     *
     * @param facts what is to be told of it
     * @return what it has become
     */
    public Manifest finish(
            Map<String, String> facts, Configuration configuration, List<SavedDevice> devices, String vmDescription) {
        deposit().finish();
        try (SealedWriter file = new SealedWriter(place.create(name), ManifestCodec.MAGIC)) {
            GroupList groups = new GroupList(GroupList.countFor(blocks));
            SortedSet<Integer> used = new TreeSet<>(Integer::compareUnsigned);
            Manifest.Counts counts = writeTable(file, groups, used);
            List<Manifest.UsedPack> packs = new ArrayList<>();
            for (int number : used) {
                packs.add(new Manifest.UsedPack(number, identity(number)));
            }
            Manifest manifest =
                    new Manifest(facts, configuration, blocks, devices, vmDescription, counts, List.copyOf(packs));
            file.seal(ManifestCodec.encode(manifest, groups));
            file.publish();
            return manifest;
        }
    }

    private Bytes identity(int number) {
        Bytes identity = deposit().identities().get(number);
        if (identity == null) {
            throw new IllegalStateException("Pack " + Integer.toUnsignedString(number) + " is used and not there.");
        }
        return identity;
    }

    private Manifest.Counts writeTable(SealedWriter file, GroupList groups, SortedSet<Integer> used) {
        byte[] packed = new byte[TableGroup.MAX_BYTES];
        long content = 0;
        long zero = 0;
        long absent = 0;
        int lastPack = 0;
        for (int block = 0; block < blocks.size(); block++) {
            long pages = blocks.get(block).pageCount();
            for (long first = 0; first < pages; first += TableGroup.PAGES) {
                int group = firstGroups[block] + (int) (first >>> GROUP_BITS);
                int count = (int) Math.min(TableGroup.PAGES, pages - first);
                if (draft().isUntouched(group)) {
                    absent += count;
                    groups.set(group, PlaceNumber.ABSENT, 0, 0);
                    continue;
                }
                long[] values = draft().group(group);
                for (int i = 0; i < count; i++) {
                    zero += values[i] == PlaceNumber.ZERO ? 1 : 0;
                    absent += values[i] == PlaceNumber.ABSENT ? 1 : 0;
                    if (PlaceNumber.isStored(values[i])) {
                        content++;
                        if (PlaceNumber.pack(values[i]) != lastPack) {
                            lastPack = PlaceNumber.pack(values[i]);
                            used.add(lastPack);
                        }
                    }
                }
                writeGroup(file, groups, group, values, count, packed);
            }
        }
        return new Manifest.Counts(
                content, zero, absent, deposit().newPages(), deposit().newBytes());
    }

    private static void writeGroup(
            SealedWriter file, GroupList groups, int group, long[] values, int count, byte[] packed) {
        if (TableGroup.isUniform(values, count)) {
            groups.set(group, values[0], 0, 0);
            return;
        }
        int length = TableGroup.encode(values, count, packed);
        groups.set(group, file.position(), length, SealedForm.crc(packed, 0, length));
        file.write(packed, 0, length);
    }

    @Override
    public void close() {
        deposit.ifPresent(PageDeposit::close);
        table.ifPresent(PageTableDraft::close);
        lock.close();
    }
}
