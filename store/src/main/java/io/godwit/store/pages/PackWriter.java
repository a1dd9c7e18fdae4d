// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store.pages;

import io.godwit.store.objects.ObjectName;
import io.godwit.store.objects.ObjectPlace;
import io.godwit.store.objects.SealedForm;
import io.godwit.store.objects.SealedWriter;
import io.godwit.stream.Bytes;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.concurrent.Future;

/** Writes one pack. One thread; chunks are compressed on others, and {@link #finish} may be on another. */
final class PackWriter implements AutoCloseable {
    private final int number;
    private final ChunkCompressor compressor;
    private final SealedWriter file;
    private final byte[] ids = new byte[PackDirectory.MAX_PAGES * PageId.BYTES];
    private final ChunkList chunks = new ChunkList(PackDirectory.chunkCount(PackDirectory.MAX_PAGES));
    private final Deque<Future<ChunkCompressor.Work>> underWay = new ArrayDeque<>();
    private ChunkCompressor.Work chunk;
    private int pageCount;
    private int chunksWritten;

    /** Begins pack {@code number}, which nobody has. */
    PackWriter(ObjectPlace place, int number, ChunkCompressor compressor) {
        this.number = number;
        this.compressor = compressor;
        file = new SealedWriter(place.create(ObjectName.pack(number)), PackDirectory.MAGIC);
        chunk = compressor.room();
    }

    int number() {
        return number;
    }

    int pageCount() {
        return pageCount;
    }

    boolean isFull() {
        return pageCount == PackDirectory.MAX_PAGES;
    }

    /** Adds a page behind the others and gives its number. */
    int add(byte[] content, int at, byte[] id, int idAt) {
        int inChunk = pageCount % PackDirectory.CHUNK_PAGES;
        System.arraycopy(content, at, chunk.pages, inChunk * PageId.PAGE_BYTES, PageId.PAGE_BYTES);
        System.arraycopy(id, idAt, ids, pageCount * PageId.BYTES, PageId.BYTES);
        pageCount++;
        if (inChunk == PackDirectory.CHUNK_PAGES - 1) {
            send(PackDirectory.CHUNK_BYTES);
            while (!compressor.hasRoom()) {
                writeOldest();
            }
            chunk = compressor.room();
        }
        return pageCount - 1;
    }

    private void send(int plainBytes) {
        underWay.add(compressor.begin(chunk, plainBytes));
    }

    private void writeOldest() {
        ChunkCompressor.Work done = ChunkCompressor.await(underWay.remove());
        chunks.set(chunksWritten++, file.position(), done.byteLength(), done.crc(), done.form());
        file.write(done.frame(), 0, done.byteLength());
        compressor.giveBack(done);
    }

    /** Whether page {@code page} has this id. */
    boolean hasId(int page, byte[] id, int idAt) {
        int at = page * PageId.BYTES;
        return page < pageCount && Arrays.equals(ids, at, at + PageId.BYTES, id, idAt, idAt + PageId.BYTES);
    }

    /** The ids of all pages so far, one behind the other. Not to be changed. */
    byte[] ids() {
        return ids;
    }

    /** Ends the adding of pages: all chunks are written then. */
    void flush() {
        int rest = pageCount % PackDirectory.CHUNK_PAGES;
        if (rest > 0) {
            send(rest * PageId.PAGE_BYTES);
        } else {
            compressor.giveBackUnused(chunk);
        }
        while (!underWay.isEmpty()) {
            writeOldest();
        }
    }

    /**
     * Makes the pack last. On any one thread, after {@link #flush}; it waits for the disk.
     *
     * @throws io.godwit.store.StoreException if that cannot be done
     */
    Finished finish() {
        long idsOffset = file.position();
        file.write(ids, 0, pageCount * PageId.BYTES);
        for (int i = 0; i < chunksWritten; i++) {
            int first = i * PackDirectory.CHUNK_PAGES;
            int pages = Math.min(PackDirectory.CHUNK_PAGES, pageCount - first);
            chunks.setIdCrc(i, SealedForm.crc(ids, first * PageId.BYTES, pages * PageId.BYTES));
        }
        var sha = SealedForm.sha();
        sha.update(ids, 0, pageCount * PageId.BYTES);
        Bytes identity = Bytes.copyOf(sha.digest());
        file.seal(new PackDirectory(number, pageCount, idsOffset, identity, chunks.first(chunksWritten)).encode());
        long byteLength = file.position();
        file.publish();
        return new Finished(number, identity, byteLength);
    }

    /** A pack that lasts. */
    record Finished(int number, Bytes identity, long byteLength) {}

    @Override
    public void close() {
        file.close();
    }
}
