// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store.pages;

import io.godwit.store.DamageException;
import io.godwit.store.objects.ObjectPlace;
import io.godwit.stream.Bytes;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;

/** Puts pages into a store, each content once. One thread, under the store's lock for writing. */
public final class PageDeposit implements AutoCloseable {
    private static final byte[] ZEROS = new byte[PageId.PAGE_BYTES];

    private final ObjectPlace place;
    private final Packs packs;
    private final PageIndex index;
    private final ChunkCompressor compressor = ChunkCompressor.forThisMachine();
    private final SortedMap<Integer, Bytes> identities = new TreeMap<>(Integer::compareUnsigned);
    private final PackSettler settler = new PackSettler();
    private final PageId hasher = new PageId();
    private final byte[] id = new byte[PageId.BYTES];
    private Optional<PackWriter> current = Optional.empty();
    private int lastNumber;
    private long newPages;
    private long newBytes;

    /**
     * Opens the packs of a store for more pages.
     *
     * @param expected how many pages may come, a guess
     */
    public PageDeposit(ObjectPlace place, long expected) {
        this.place = place;
        packs = new Packs(place);
        long pages = expected;
        for (int number : Packs.numbers(place)) {
            lastNumber = number;
            try {
                Pack pack = packs.pack(number);
                identities.put(number, pack.identity());
                pages += pack.pageCount();
            } catch (DamageException _) {
                // Nobody builds on a pack that is damaged: its pages are stored again.
            }
        }
        index = PageIndex.open(place, packs, identities, pages);
    }

    /** Identities of all packs that last, by their numbers. */
    public SortedMap<Integer, Bytes> identities() {
        return identities;
    }

    /** Pages that were new to the store. */
    public long newPages() {
        return newPages;
    }

    /** Bytes of packs that have been added. */
    public long newBytes() {
        return newBytes;
    }

    /** Puts a page, unless the store has it, and gives its place. */
    public long put(byte[] content, int at) {
        if (isZero(content, at)) {
            return PlaceNumber.ZERO;
        }
        hasher.of(content, at, id, 0);
        return put(content, at, id, 0);
    }

    /** The same for a page whose id has been made by {@link PageId}; the id of a page of zeros does not count. */
    public long put(byte[] content, int at, byte[] ids, int idAt) {
        if (isZero(content, at)) {
            return PlaceNumber.ZERO;
        }
        long found = index.find(ids, idAt, this::hasId);
        return found == PlaceNumber.ZERO ? add(content, at, ids, idAt) : found;
    }

    private static boolean isZero(byte[] content, int at) {
        return Arrays.equals(content, at, at + PageId.PAGE_BYTES, ZEROS, 0, PageId.PAGE_BYTES);
    }

    private boolean hasId(long candidate, byte[] wanted, int wantedAt) {
        int number = PlaceNumber.pack(candidate);
        for (Optional<PackWriter> writer : List.of(current, settler.pack())) {
            if (writer.isPresent() && writer.get().number() == number) {
                return writer.get().hasId(PlaceNumber.page(candidate), wanted, wantedAt);
            }
        }
        try {
            return identities.containsKey(number) && packs.hasId(candidate, wanted, wantedAt);
        } catch (DamageException _) {
            return false;
        }
    }

    private long add(byte[] content, int at, byte[] ids, int idAt) {
        PackWriter writer = writer();
        long added = PlaceNumber.of(writer.number(), writer.add(content, at, ids, idAt));
        newPages++;
        if (index.isCrowded()) {
            awaitSettled();
            // What was just added is in the pack that is being written, and so in the new table.
            index.grow(packs, List.copyOf(identities.keySet()), writer);
        } else {
            index.insert(ids, idAt, added);
        }
        return added;
    }

    private PackWriter writer() {
        if (current.isPresent() && !current.get().isFull()) {
            return current.get();
        }
        settlePack();
        PackWriter next = new PackWriter(place, ++lastNumber, compressor);
        current = Optional.of(next);
        return next;
    }

    /** The pack lasts some time later; the next one is written meanwhile. */
    private void settlePack() {
        if (current.isPresent()) {
            awaitSettled();
            PackWriter writer = current.get();
            writer.flush();
            current = Optional.empty();
            settler.begin(writer);
        }
    }

    private void awaitSettled() {
        settler.await().ifPresent(finished -> {
            identities.put(finished.number(), finished.identity());
            newBytes += finished.byteLength();
        });
    }

    /** Makes all pages last that have been put. */
    public void finishPack() {
        settlePack();
        awaitSettled();
    }

    /** All that was put lasts: the index can be used again. */
    public void finish() {
        finishPack();
        index.finish(identities);
    }

    @Override
    public void close() {
        settler.close();
        compressor.close();
        current.ifPresent(PackWriter::close);
        index.close();
        packs.close();
    }
}
