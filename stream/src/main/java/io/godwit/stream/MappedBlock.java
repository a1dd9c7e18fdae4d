// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.stream;

import java.nio.ByteBuffer;

/**
 * Where the pages of a block are in a file with {@code mapped-ram}: each at a place of its own (WIRE 12). Offsets count
 * from the beginning of the file, even if the stream begins later.
 *
 * @param blockIndex the block, as the list numbers it
 * @param bitmapOffset where the bitmap is: a bit for each page that is there, the first page in the lowest bit of the
 *     first byte, 8 bytes for each 64 pages
 * @param pagesOffset where the first page is
 */
public record MappedBlock(int blockIndex, long bitmapOffset, long pagesOffset) {
    /** Bytes of the header behind a block's entry in the list. */
    public static final int HEADER_BYTES = 28;

    /** Where QEMU begins a block's pages: at a multiple of this. */
    public static final long PAGES_ALIGNMENT = 1 << 20;

    private static final int VERSION = 1;

    /** Takes the header, which is there wholly. */
    static MappedBlock take(ByteBuffer in, int blockIndex, long usedLength, StreamPlace place) {
        place.require("Version of the header of mapped-ram", VERSION, Integer.toUnsignedLong(in.getInt()));
        place.require("Page size of mapped-ram", Wire.PAGE_BYTES, in.getLong());
        long bitmapOffset = in.getLong();
        long pagesOffset = in.getLong();
        long most = Long.MAX_VALUE - usedLength;
        place.requireAtMost("Offset of the pages", most, pagesOffset);
        place.requireAtMost(
                "End of the bitmap, which comes before the pages,",
                pagesOffset,
                bitmapOffset + bitmapBytes(usedLength));
        place.requireAtMost("Offset of the bitmap", most, bitmapOffset);
        return new MappedBlock(blockIndex, bitmapOffset, pagesOffset);
    }

    /** Bytes of the bitmap of a block. */
    public static long bitmapBytes(long usedLength) {
        return (((usedLength >>> Wire.PAGE_BITS) + 63) >>> 6) * Long.BYTES;
    }

    /** The header, as a file has it. */
    public void encode(ByteBuffer out) {
        out.putInt(VERSION).putLong(Wire.PAGE_BYTES).putLong(bitmapOffset).putLong(pagesOffset);
    }
}
