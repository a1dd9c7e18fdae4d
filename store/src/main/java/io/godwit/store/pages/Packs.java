// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store.pages;

import io.godwit.store.DamageException;
import io.godwit.store.objects.ObjectName;
import io.godwit.store.objects.ObjectPlace;
import io.godwit.store.objects.ReplacedException;
import io.godwit.stream.Bytes;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.regex.Pattern;

/** The packs of a store, of which the last few that were used are open. One thread. */
public final class Packs implements AutoCloseable {
    /** LIMIT: open files. An open pack has up to 110 KiB of directory in memory. */
    private static final int MAX_OPEN = 64;

    private static final int WINDOW_CHUNKS = 16;
    private static final Pattern KEY = Pattern.compile("[0-9a-f]{8}");

    private final ObjectPlace place;
    private final Map<Integer, Pack> open = new LinkedHashMap<>(MAX_OPEN, 0.75f, true);
    private final Map<Integer, Bytes> identities = new HashMap<>();
    private final byte[] chunkIds = new byte[Pack.CHUNK_PAGES * PageId.BYTES];
    private final byte[] window = new byte[WINDOW_CHUNKS * Pack.CHUNK_PAGES * PageId.BYTES];
    private int windowPack;
    private int windowFirst;
    private int windowPages;

    /** Of this place. */
    public Packs(ObjectPlace place) {
        this.place = place;
    }

    /** Numbers of all packs there are, in ascending order. */
    public static List<Integer> numbers(ObjectPlace place) {
        return place.list(ObjectName.Kind.PACK).stream()
                .filter(key -> KEY.matcher(key).matches())
                .map(HexFormat::fromHexDigits)
                .toList();
    }

    /** Pack {@code number}, open until others have been used. */
    public Pack pack(int number) {
        Pack found = open.get(number);
        if (found == null) {
            found = Pack.open(place, number);
            requireSame(found);
            open.put(number, found);
            if (open.size() > MAX_OPEN) {
                Pack oldest = open.values().iterator().next();
                open.remove(oldest.number());
                oldest.close();
            }
        }
        return found;
    }

    /** A number that was given to other pages meanwhile is not the pack that it was. */
    private void requireSame(Pack opened) {
        Bytes first = identities.putIfAbsent(opened.number(), opened.identity());
        if (first != null && !first.equals(opened.identity())) {
            opened.close();
            throw new DamageException(opened.name(), "it has other pages now than when it was read first");
        }
    }

    /** Reads of a pack, and once more from its beginning if the pack is replaced meanwhile. */
    void reading(int number, Consumer<Pack> read) {
        try {
            read.accept(pack(number));
        } catch (ReplacedException _) {
            Optional.ofNullable(open.remove(number)).ifPresent(Pack::close);
            read.accept(pack(number));
        }
    }

    /** Whether the page at {@code place} is there and has this id. */
    boolean hasId(long place, byte[] id, int idAt) {
        int number = PlaceNumber.pack(place);
        int page = PlaceNumber.page(place);
        if (!pack(number).has(page)) {
            return false;
        }
        int at = idAt(number, page);
        return Arrays.equals(window, at, at + PageId.BYTES, id, idAt, idAt + PageId.BYTES);
    }

    /** Puts the id of the page at {@code place}. */
    public void id(long place, byte[] into, int at) {
        System.arraycopy(window, idAt(PlaceNumber.pack(place), PlaceNumber.page(place)), into, at, PageId.BYTES);
    }

    /** Neighbours are asked for one after the other, so that some are read at a time. */
    private int idAt(int number, int page) {
        if (number != windowPack || page < windowFirst || page >= windowFirst + windowPages) {
            reading(number, pack -> readWindow(pack, page / Pack.CHUNK_PAGES));
        }
        return (page - windowFirst) * PageId.BYTES;
    }

    private void readWindow(Pack pack, int firstChunk) {
        windowPages = 0;
        windowPack = pack.number();
        windowFirst = firstChunk * Pack.CHUNK_PAGES;
        int end = Math.min(firstChunk + WINDOW_CHUNKS, pack.chunkCount());
        for (int chunk = firstChunk; chunk < end; chunk++) {
            pack.ids(chunk, chunkIds);
            int pages = pack.pagesOf(chunk);
            System.arraycopy(chunkIds, 0, window, windowPages * PageId.BYTES, pages * PageId.BYTES);
            windowPages += pages;
        }
    }

    @Override
    public void close() {
        open.values().forEach(Pack::close);
        open.clear();
    }
}
