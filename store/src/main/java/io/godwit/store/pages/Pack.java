// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store.pages;

import com.github.luben.zstd.ZstdDecompressCtx;
import com.github.luben.zstd.ZstdException;
import io.godwit.store.DamageException;
import io.godwit.store.objects.ObjectName;
import io.godwit.store.objects.ObjectPlace;
import io.godwit.store.objects.SealedForm;
import io.godwit.store.objects.SealedReader;
import io.godwit.store.objects.SealedWriter;
import io.godwit.stream.Bytes;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Optional;

/** An open pack. One thread. */
public final class Pack implements AutoCloseable {
    /** Pages that are compressed together; their numbers begin at a multiple of it. */
    public static final int CHUNK_PAGES = PackDirectory.CHUNK_PAGES;

    /** Room for a whole chunk. */
    public static final int CHUNK_BYTES = PackDirectory.CHUNK_BYTES;

    private final SealedReader file;
    private final PackDirectory directory;
    /** Made when it is needed: it has 160 KiB. */
    private Optional<ZstdDecompressCtx> context = Optional.empty();

    private byte[] frame = new byte[0];

    private Pack(SealedReader file, PackDirectory directory) {
        this.file = file;
        this.directory = directory;
    }

    /**
     * Opens pack {@code number}; checks its directory.
     *
     * @throws DamageException if it is not what was written
     */
    public static Pack open(ObjectPlace place, int number) {
        SealedReader file = SealedReader.open(place.open(ObjectName.pack(number)), PackDirectory.MAGIC);
        boolean opened = false;
        try {
            PackDirectory directory = PackDirectory.of(file);
            if (directory.number() != number) {
                throw file.damage("it is pack " + Integer.toUnsignedString(directory.number()));
            }
            opened = true;
            return new Pack(file, directory);
        } finally {
            if (!opened) {
                file.close();
            }
        }
    }

    /** Its number, unsigned. */
    public int number() {
        return directory.number();
    }

    /** Its path in the store. */
    public String name() {
        return file.name();
    }

    /** How many pages it was made with. */
    public int pageCount() {
        return directory.pageCount();
    }

    /** What makes it this pack and no other. */
    public Bytes identity() {
        return directory.identity();
    }

    /** Bytes of its file. */
    public long byteLength() {
        return file.byteLength();
    }

    /** How many chunks it was made with. */
    public int chunkCount() {
        return directory.chunks().count();
    }

    /** Pages of a chunk. */
    public int pagesOf(int chunk) {
        return directory.pagesOf(chunk);
    }

    /** Whether it still has page {@code page}. */
    public boolean has(int page) {
        return page < directory.pageCount() && hasChunk(page / CHUNK_PAGES);
    }

    /** Whether it still has chunk {@code chunk}. */
    public boolean hasChunk(int chunk) {
        return directory.chunks().form(chunk) != PackDirectory.DROPPED;
    }

    /** Bytes of a chunk's frame; 0 if it was dropped. */
    public int frameBytes(int chunk) {
        return directory.chunks().length(chunk);
    }

    /**
     * Reads the ids of a chunk's pages, 24 bytes each.
     *
     * @throws DamageException if they are not what was written
     */
    public void ids(int chunk, byte[] into) {
        int length = pagesOf(chunk) * PageId.BYTES;
        file.read(directory.idsOffset() + (long) chunk * CHUNK_PAGES * PageId.BYTES, into, 0, length);
        if (SealedForm.crc(into, 0, length) != directory.chunks().idCrc(chunk)) {
            throw file.damage("the ids of chunk " + chunk + " are not what was written");
        }
    }

    /**
     * Reads and decompresses a chunk. Its pages are compared with their ids by whoever uses them.
     *
     * @param into at least {@link #CHUNK_BYTES}
     * @throws DamageException if it is not what was written
     */
    public void chunk(int chunk, byte[] into) {
        ChunkList chunks = directory.chunks();
        int length = chunks.length(chunk);
        int plainBytes = pagesOf(chunk) * PageId.PAGE_BYTES;
        switch (chunks.form(chunk)) {
            case PackDirectory.ZSTD -> {
                if (frame.length < length) {
                    frame = new byte[PackDirectory.CHUNK_BYTES];
                }
                readFrame(chunk, frame, length);
                decompress(chunk, length, into, plainBytes);
            }
            case PackDirectory.PLAIN -> readFrame(chunk, into, length);
            default -> throw file.damage("chunk " + chunk + " was dropped, and a snapshot needs it");
        }
    }

    private void readFrame(int chunk, byte[] into, int length) {
        file.read(directory.chunks().offset(chunk), into, 0, length);
        if (SealedForm.crc(into, 0, length) != directory.chunks().frameCrc(chunk)) {
            throw file.damage("chunk " + chunk + ", " + length + " bytes from byte "
                    + directory.chunks().offset(chunk) + ", is not what was written");
        }
    }

    private void decompress(int chunk, int length, byte[] into, int plainBytes) {
        try {
            int found = context().decompressByteArray(into, 0, plainBytes, frame, 0, length);
            if (found != plainBytes) {
                throw file.damage("chunk " + chunk + " has " + found + " bytes, not " + plainBytes);
            }
        } catch (ZstdException e) {
            throw file.damage("chunk " + chunk + " cannot be decompressed: " + e.getMessage());
        }
    }

    private ZstdDecompressCtx context() {
        if (context.isEmpty()) {
            context = Optional.of(new ZstdDecompressCtx());
        }
        return context.get();
    }

    /** What to throw when a page is not what its id says. */
    DamageException wrongPage(int page) {
        return file.damage("page " + page + " has not the content that its id says");
    }

    /** Compares every byte with its sum, and every page with its id; ends at the first that is wrong. */
    public void verify() {
        byte[] ids = new byte[CHUNK_PAGES * PageId.BYTES];
        byte[] found = new byte[PageId.BYTES];
        byte[] pages = new byte[CHUNK_BYTES];
        PageId hasher = new PageId();
        var identity = SealedForm.sha();
        for (int chunk = 0; chunk < chunkCount(); chunk++) {
            ids(chunk, ids);
            identity.update(ids, 0, pagesOf(chunk) * PageId.BYTES);
            if (hasChunk(chunk)) {
                chunk(chunk, pages);
                for (int i = 0; i < pagesOf(chunk); i++) {
                    hasher.of(pages, i * PageId.PAGE_BYTES, found, 0);
                    int at = i * PageId.BYTES;
                    if (!Arrays.equals(found, 0, PageId.BYTES, ids, at, at + PageId.BYTES)) {
                        throw wrongPage(chunk * CHUNK_PAGES + i);
                    }
                }
            }
        }
        if (!identity().equals(Bytes.copyOf(identity.digest()))) {
            throw file.damage("its ids are not those of its identity");
        }
    }

    /**
     * Writes the pack anew without the chunks of which no page is used, in its own place.
     *
     * @param used the pages that are needed
     * @return bytes that this has freed
     */
    public long shrink(ObjectPlace place, BitSet used) {
        int count = chunkCount();
        ChunkList kept = new ChunkList(count);
        byte[] bytes = new byte[CHUNK_BYTES];
        try (SealedWriter out = new SealedWriter(place.create(ObjectName.pack(number())), PackDirectory.MAGIC)) {
            for (int i = 0; i < count; i++) {
                kept.setIdCrc(i, directory.chunks().idCrc(i));
                if (hasChunk(i) && isUsed(i, used)) {
                    int length = directory.chunks().length(i);
                    readFrame(i, bytes, length);
                    kept.set(
                            i,
                            out.position(),
                            length,
                            directory.chunks().frameCrc(i),
                            directory.chunks().form(i));
                    out.write(bytes, 0, length);
                }
            }
            long idsOffset = out.position();
            for (int i = 0; i < count; i++) {
                ids(i, bytes);
                out.write(bytes, 0, pagesOf(i) * PageId.BYTES);
            }
            out.seal(new PackDirectory(number(), pageCount(), idsOffset, identity(), kept).encode());
            long freed = byteLength() - out.position();
            out.replace();
            return freed;
        }
    }

    private static boolean isUsed(int chunk, BitSet used) {
        int next = used.nextSetBit(chunk * CHUNK_PAGES);
        return next >= 0 && next < (chunk + 1) * CHUNK_PAGES;
    }

    /** Bytes of frames that could be dropped. */
    public long unusedBytes(BitSet used) {
        long unused = 0;
        for (int i = 0; i < chunkCount(); i++) {
            unused += isUsed(i, used) ? 0 : frameBytes(i);
        }
        return unused;
    }

    @Override
    public void close() {
        context.ifPresent(ZstdDecompressCtx::close);
        context = Optional.empty();
        file.close();
    }
}
