// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store.pages;

import io.godwit.store.DamageException;
import io.godwit.store.objects.ObjectPlace;
import io.godwit.store.objects.SealedForm;
import io.godwit.store.objects.StoreFiles;
import io.godwit.stream.Bytes;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Finds a stored page by its id: a hash table in a file, so that its size costs no memory. An entry is a hint, which is
 * compared with the id in the pack before it is believed. One thread, under the store's lock for writing.
 */
public final class PageIndex implements AutoCloseable {
    private static final String NAME = "index";
    private static final long MAGIC = 0x474f4457_494e4458L;
    private static final int HEADER_BYTES = 64;
    private static final int SUM_BYTES = 24;
    private static final int PLACE_BITS = 48;
    private static final long PLACE_MASK = (1L << PLACE_BITS) - 1;
    private static final long LEAST_SLOTS = 64;

    /** Whether the page at a place has an id, whatever the index thinks. */
    @FunctionalInterface
    interface Confirmation {
        boolean hasId(long place, byte[] id, int idAt);
    }

    private final FileChannel file;
    private IndexSlots table;
    private long slots;
    private long used;
    private final Bytes coveredSum;
    private final boolean wasClosed;

    private PageIndex(FileChannel file, long slots, long used, Bytes coveredSum, boolean wasClosed) {
        this.file = file;
        this.table = new IndexSlots(file, HEADER_BYTES, slots);
        this.slots = slots;
        this.used = used;
        this.coveredSum = coveredSum;
        this.wasClosed = wasClosed;
    }

    /**
     * Opens the index if it is one of exactly these packs, else makes it anew.
     *
     * @param identities of the packs, by number
     * @param pages how many they have, and how many may come
     */
    static PageIndex open(ObjectPlace place, Packs packs, SortedMap<Integer, Bytes> identities, long pages) {
        PageIndex found = read(place.index());
        if (found != null && (!found.wasClosed || !found.coveredSum.equals(sum(identities)))) {
            found.close();
            found = null;
        }
        PageIndex index = found == null ? create(place.index()) : found;
        if (found == null || pages * 2 > index.slots) {
            index.rebuild(packs, List.copyOf(identities.keySet()), slotsFor(pages));
        } else {
            index.writeHeader(false, Bytes.copyOf(new byte[SUM_BYTES]));
        }
        return index;
    }

    private static long slotsFor(long pages) {
        return Math.max(LEAST_SLOTS, Long.highestOneBit(Math.max(1, pages * 2 - 1)) * 2);
    }

    /** What a closed index of these packs has in its header. */
    private static Bytes sum(SortedMap<Integer, Bytes> identities) {
        var sha = SealedForm.sha();
        for (Map.Entry<Integer, Bytes> pack : identities.entrySet()) {
            sha.update(ByteBuffer.allocate(Integer.BYTES).putInt(pack.getKey()).flip());
            sha.update(pack.getValue().toBuffer());
        }
        return Bytes.copyOf(ByteBuffer.wrap(sha.digest()), 0, SUM_BYTES);
    }

    private static @Nullable PageIndex read(Path path) {
        if (!Files.exists(path)) {
            return null;
        }
        try {
            FileChannel file = FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE);
            PageIndex read = parse(file);
            if (read == null) {
                file.close();
            }
            return read;
        } catch (IOException e) {
            throw StoreFiles.failure(path + " cannot be read", e);
        }
    }

    private static @Nullable PageIndex parse(FileChannel file) throws IOException {
        byte[] bytes = header(file);
        ByteBuffer header = ByteBuffer.wrap(bytes);
        long slots = header.getLong(16);
        return isHeader(bytes) && file.size() == HEADER_BYTES + slots * Long.BYTES
                ? new PageIndex(
                        file, slots, header.getLong(24), Bytes.copyOf(header, 32, SUM_BYTES), header.getInt(12) == 1)
                : null;
    }

    /** The header, with zeros for what is not there. */
    private static byte[] header(FileChannel file) throws IOException {
        byte[] bytes = new byte[HEADER_BYTES];
        ByteBuffer header = ByteBuffer.wrap(bytes);
        while (header.hasRemaining() && file.read(header, header.position()) >= 0) {
            // A read may give less than was asked for.
        }
        return bytes;
    }

    private static boolean isHeader(byte[] bytes) {
        ByteBuffer header = ByteBuffer.wrap(bytes);
        long slots = header.getLong(16);
        return header.getLong(0) == MAGIC
                && header.getInt(8) == SealedForm.VERSION
                && header.getInt(12) >>> 1 == 0
                && header.getInt(56) == 0
                && header.getInt(60) == SealedForm.crc(bytes, 0, 60)
                && Long.bitCount(slots) == 1
                && slots >= LEAST_SLOTS;
    }

    /** Whether it is what a writer leaves that was killed while it made the index. */
    private static boolean isUnfinished(Path path) {
        try (FileChannel file = FileChannel.open(path)) {
            byte[] bytes = header(file);
            boolean wasClosed = ByteBuffer.wrap(bytes).getInt(12) != 0;
            return file.size() == 0 || (isHeader(bytes) && !wasClosed);
        } catch (IOException e) {
            throw StoreFiles.failure(path + " cannot be read", e);
        }
    }

    private static PageIndex create(Path path) {
        try {
            return new PageIndex(StoreFiles.openNew(path), 0, 0, Bytes.copyOf(new byte[SUM_BYTES]), false);
        } catch (IOException e) {
            throw StoreFiles.failure(path + " cannot be made", e);
        }
    }

    private void writeHeader(boolean closed, Bytes covered) {
        ByteBuffer out = ByteBuffer.allocate(HEADER_BYTES)
                .putLong(MAGIC)
                .putInt(SealedForm.VERSION)
                .putInt(closed ? 1 : 0)
                .putLong(slots)
                .putLong(used)
                .put(covered.toBuffer())
                .putInt(0);
        out.putInt(SealedForm.crc(out.array(), 0, out.position()));
        write(out.flip(), 0);
    }

    private void write(ByteBuffer bytes, long offset) {
        try {
            long at = offset;
            while (bytes.hasRemaining()) {
                at += file.write(bytes, at);
            }
        } catch (IOException e) {
            throw StoreFiles.failure("The store's index cannot be written", e);
        }
    }

    /** Makes the table anew from the packs' ids. */
    private void rebuild(Packs packs, List<Integer> numbers, long newSlots) {
        slots = newSlots;
        used = 0;
        // First of all: whoever is killed in the middle leaves an index that says that it was not closed.
        writeHeader(false, Bytes.copyOf(new byte[SUM_BYTES]));
        try {
            FileChannel _ = file.truncate(HEADER_BYTES);
        } catch (IOException e) {
            throw StoreFiles.failure("The store's index cannot be emptied", e);
        }
        write(ByteBuffer.allocate(1), HEADER_BYTES + slots * Long.BYTES - 1);
        table = new IndexSlots(file, HEADER_BYTES, slots);
        byte[] ids = new byte[Pack.CHUNK_PAGES * PageId.BYTES];
        for (int number : numbers) {
            Pack pack = packs.pack(number);
            for (int chunk = 0; chunk < pack.chunkCount(); chunk++) {
                if (pack.hasChunk(chunk) && readIds(pack, chunk, ids)) {
                    for (int i = 0; i < pack.pagesOf(chunk); i++) {
                        insert(ids, i * PageId.BYTES, PlaceNumber.of(number, chunk * Pack.CHUNK_PAGES + i));
                    }
                }
            }
        }
    }

    /** Pages whose ids are damaged cannot be found; who comes with them stores them again. */
    private static boolean readIds(Pack pack, int chunk, byte[] into) {
        try {
            pack.ids(chunk, into);
            return true;
        } catch (DamageException _) {
            return false;
        }
    }

    /** Whether more than half of the slots are in use: {@link #grow} is due. */
    boolean isCrowded() {
        return used * 2 > slots;
    }

    /** Makes the table twice as big, from the packs' ids and those of a pack that is being written. */
    void grow(Packs packs, List<Integer> numbers, PackWriter current) {
        rebuild(packs, numbers, slots * 2);
        for (int page = 0; page < current.pageCount(); page++) {
            insert(current.ids(), page * PageId.BYTES, PlaceNumber.of(current.number(), page));
        }
    }

    /** The place of the page with this id, or {@link PlaceNumber#ZERO} if there is none. */
    long find(byte[] id, int idAt, Confirmation confirmation) {
        long tag = PageId.tag(id, idAt);
        long at = PageId.hash(id, idAt) & (slots - 1);
        for (long tried = 0; tried < slots; tried++) {
            long entry = table.get(at);
            if (entry == 0) {
                return PlaceNumber.ZERO;
            }
            if (entry >>> PLACE_BITS == tag && confirmation.hasId(entry & PLACE_MASK, id, idAt)) {
                return entry & PLACE_MASK;
            }
            at = (at + 1) & (slots - 1);
        }
        return PlaceNumber.ZERO;
    }

    /** Adds a page that {@link #find} has not found. */
    void insert(byte[] id, int idAt, long place) {
        long entry = (PageId.tag(id, idAt) << PLACE_BITS) | place;
        long at = PageId.hash(id, idAt) & (slots - 1);
        while (table.get(at) != 0) {
            at = (at + 1) & (slots - 1);
        }
        table.set(at, entry);
        used++;
    }

    /**
     * Closes it as one that can be used again.
     *
     * @param identities of all packs there are now
     */
    void finish(SortedMap<Integer, Bytes> identities) {
        table.flush();
        writeHeader(true, sum(identities));
    }

    /**
     * Compares a closed index with the packs: every entry must name a page, and every page must be found.
     *
     * @return whether it could be compared; an index that was not closed, or is of other packs, is of no use, but no
     *     damage either
     * @throws DamageException if it is not what was written
     */
    public static boolean verify(ObjectPlace place, Packs packs) {
        SortedMap<Integer, Bytes> identities = new TreeMap<>(Integer::compareUnsigned);
        for (int number : Packs.numbers(place)) {
            identities.put(number, packs.pack(number).identity());
        }
        if (!Files.exists(place.index())) {
            return true;
        }
        PageIndex index = read(place.index());
        if (index == null && isUnfinished(place.index())) {
            return false;
        }
        if (index == null) {
            throw new DamageException(NAME, "its header is not what was written, or it is cut short");
        }
        try (index) {
            if (!index.wasClosed || !index.coveredSum.equals(sum(identities))) {
                return false;
            }
            index.verify(packs, List.copyOf(identities.keySet()));
            return true;
        }
    }

    private void verify(Packs packs, List<Integer> numbers) {
        Set<Integer> known = Set.copyOf(numbers);
        Confirmation confirmation =
                (place, id, at) -> known.contains(PlaceNumber.pack(place)) && packs.hasId(place, id, at);
        byte[] ids = new byte[Pack.CHUNK_PAGES * PageId.BYTES];
        for (int number : numbers) {
            Pack pack = packs.pack(number);
            for (int chunk = 0; chunk < pack.chunkCount(); chunk++) {
                if (pack.hasChunk(chunk)) {
                    pack.ids(chunk, ids);
                    for (int i = 0; i < pack.pagesOf(chunk); i++) {
                        int page = chunk * Pack.CHUNK_PAGES + i;
                        if (find(ids, i * PageId.BYTES, confirmation) == PlaceNumber.ZERO) {
                            throw new DamageException(NAME, "page " + page + " of " + pack.name() + " is not found");
                        }
                    }
                }
            }
        }
        long entries = 0;
        for (long at = 0; at < slots; at++) {
            entries += table.get(at) == 0 ? 0 : 1;
        }
        if (entries != used) {
            throw new DamageException(NAME, "it has " + entries + " entries, not " + used);
        }
    }

    @Override
    public void close() {
        try {
            file.close();
        } catch (IOException _) {
            // It can be made anew at any time.
        }
    }
}
