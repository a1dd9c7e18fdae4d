// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store.pages;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Reads pages by their places. The chunks that were used last stay decompressed. Every page is compared with its id
 * before it is given away. One thread.
 */
public final class PageReader implements AutoCloseable {
    private static final int KEPT_CHUNKS = 64;

    private final Packs packs;
    private long readBytes;
    private final PageId hasher = new PageId();
    private final byte[] found = new byte[PageId.BYTES];
    private final Map<Long, Chunk> chunks = new LinkedHashMap<>(KEPT_CHUNKS, 0.75f, true);

    private static final class Chunk {
        private final byte[] pages = new byte[Pack.CHUNK_BYTES];
        private final byte[] ids = new byte[Pack.CHUNK_PAGES * PageId.BYTES];
        private int checked;
    }

    /** Of these packs, which it closes. */
    public PageReader(Packs packs) {
        this.packs = packs;
    }

    /** Bytes of frames that it has read. */
    public long readBytes() {
        return readBytes;
    }

    /** The packs it reads. */
    public Packs packs() {
        return packs;
    }

    /**
     * Reads one page.
     *
     * @param place of a page of a pack
     * @throws io.godwit.store.DamageException if it is not what was written; nothing is given then
     */
    public void read(long place, byte[] into, int at) {
        int page = PlaceNumber.page(place);
        Chunk chunk = chunk(PlaceNumber.pack(place), page / Pack.CHUNK_PAGES);
        int inChunk = page % Pack.CHUNK_PAGES;
        if ((chunk.checked & (1 << inChunk)) == 0) {
            hasher.of(chunk.pages, inChunk * PageId.PAGE_BYTES, found, 0);
            int idAt = inChunk * PageId.BYTES;
            if (!Arrays.equals(found, 0, PageId.BYTES, chunk.ids, idAt, idAt + PageId.BYTES)) {
                throw packs.pack(PlaceNumber.pack(place)).wrongPage(page);
            }
            chunk.checked |= 1 << inChunk;
        }
        System.arraycopy(chunk.pages, inChunk * PageId.PAGE_BYTES, into, at, PageId.PAGE_BYTES);
    }

    private Chunk chunk(int number, int index) {
        long key = PlaceNumber.of(number, index);
        Chunk found = chunks.get(key);
        if (found == null) {
            Chunk read = chunks.size() < KEPT_CHUNKS ? new Chunk() : oldest();
            packs.reading(number, pack -> {
                if (index >= pack.chunkCount()) {
                    throw pack.wrongPage(index * Pack.CHUNK_PAGES);
                }
                pack.ids(index, read.ids);
                pack.chunk(index, read.pages);
                readBytes += pack.frameBytes(index);
            });
            read.checked = 0;
            chunks.put(key, read);
            found = read;
        }
        return found;
    }

    private Chunk oldest() {
        long key = chunks.keySet().iterator().next();
        Chunk oldest = chunks.remove(key);
        if (oldest == null) {
            throw new IllegalStateException("The chunk was there.");
        }
        return oldest;
    }

    @Override
    public void close() {
        packs.close();
    }
}
