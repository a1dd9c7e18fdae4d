// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store.pages;

import io.godwit.store.DamageException;
import io.godwit.store.objects.SealedForm;
import io.godwit.store.objects.SealedReader;
import io.godwit.stream.Bytes;
import java.nio.ByteBuffer;

/**
 * What a pack has, as its directory says it.
 *
 * @param number the pack's number, unsigned, not 0
 * @param pageCount how many pages, 1 to {@value #MAX_PAGES}
 * @param idsOffset where in the file their ids are
 * @param identity SHA-256 over all ids: what makes it this pack and no other
 * @param chunks its chunks, in order
 */
record PackDirectory(int number, int pageCount, long idsOffset, Bytes identity, ChunkList chunks) {
    /** "GODWPACK". */
    static final long MAGIC = 0x474f4457_5041434bL;

    /** LIMIT: what 16 bits of a place can name. */
    static final int MAX_PAGES = 1 << 16;

    /** Pages that are compressed together. */
    static final int CHUNK_PAGES = 16;

    static final int CHUNK_BYTES = CHUNK_PAGES * PageId.PAGE_BYTES;

    /** A chunk that nobody needed any more. */
    static final byte DROPPED = 0;

    /** One Zstandard frame. */
    static final byte ZSTD = 1;

    /** The pages as they are. */
    static final byte PLAIN = 2;

    private static final int HEAD_BYTES = 48;
    private static final int CHUNK_ENTRY_BYTES = 24;
    private static final int SHA_BYTES = 32;

    static int chunkCount(int pageCount) {
        return (pageCount + CHUNK_PAGES - 1) / CHUNK_PAGES;
    }

    /** Pages of a chunk; only the last one may have fewer than the others. */
    int pagesOf(int chunk) {
        return Math.min(CHUNK_PAGES, pageCount - chunk * CHUNK_PAGES);
    }

    byte[] encode() {
        ByteBuffer out = ByteBuffer.allocate(HEAD_BYTES + chunks.count() * CHUNK_ENTRY_BYTES);
        out.putInt(number).putInt(pageCount).putLong(idsOffset).put(identity.toBuffer());
        for (int i = 0; i < chunks.count(); i++) {
            out.putLong(chunks.offset(i))
                    .putInt(chunks.length(i))
                    .putInt(chunks.frameCrc(i))
                    .putInt(chunks.idCrc(i))
                    .putInt(chunks.form(i) << 24);
        }
        return out.array();
    }

    /**
     * Reads and checks it: the parts of the body follow each other without gaps.
     *
     * @throws DamageException if it cannot be what was written
     */
    static PackDirectory of(SealedReader file) {
        ByteBuffer in = file.directory();
        if (in.remaining() < HEAD_BYTES) {
            throw file.damage("its directory has only " + in.remaining() + " bytes");
        }
        int number = in.getInt();
        int pageCount = in.getInt();
        long idsOffset = in.getLong();
        byte[] identity = new byte[SHA_BYTES];
        in.get(identity);
        if (number == 0 || pageCount < 1 || pageCount > MAX_PAGES) {
            throw file.damage("its directory says that it is pack " + Integer.toUnsignedString(number) + " with "
                    + Integer.toUnsignedString(pageCount) + " pages");
        }
        if (in.remaining() != chunkCount(pageCount) * CHUNK_ENTRY_BYTES
                || idsOffset != file.directoryOffset() - (long) pageCount * PageId.BYTES) {
            throw file.damage("its directory does not fit " + pageCount + " pages");
        }
        ChunkList chunks = new ChunkList(chunkCount(pageCount));
        PackDirectory directory = new PackDirectory(number, pageCount, idsOffset, Bytes.copyOf(identity), chunks);
        long next = SealedForm.HEADER_BYTES;
        for (int i = 0; i < chunks.count(); i++) {
            next = directory.readChunk(in, i, next, file);
        }
        if (next != idsOffset) {
            throw file.damage("its frames end at byte " + next + ", not where its ids begin");
        }
        return directory;
    }

    private long readChunk(ByteBuffer in, int chunk, long next, SealedReader file) {
        long offset = in.getLong();
        int length = in.getInt();
        int crc = in.getInt();
        chunks.setIdCrc(chunk, in.getInt());
        int last = in.getInt();
        byte form = (byte) (last >>> 24);
        int plainBytes = pagesOf(chunk) * PageId.PAGE_BYTES;
        boolean right = switch (form) {
            case DROPPED -> offset == 0 && length == 0 && crc == 0;
            case ZSTD -> offset == next && length > 0 && length < plainBytes;
            case PLAIN -> offset == next && length == plainBytes;
            default -> false;
        };
        if (!right || (last & 0xff_ffff) != 0) {
            throw file.damage("its directory says of chunk " + chunk + ": form " + form + ", " + length
                    + " bytes at byte " + offset);
        }
        chunks.set(chunk, offset, length, crc, form);
        return next + length;
    }
}
