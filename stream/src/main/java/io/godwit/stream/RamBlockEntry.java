// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.stream;

import java.nio.ByteBuffer;
import java.util.OptionalLong;

/**
 * One RAM block in the block list of the RAM section's START.
 *
 * @param idstr the block's name, as {@code pc.ram}
 * @param usedLength bytes, a multiple of the page size
 * @param pageSize bytes of the host pages behind it; on the wire only after POSTCOPY_ADVISE for RAM, and only if it is
 *     not 4096 (WIRE 5.1), so absent for ordinary pages
 * @param guestPhysicalAddress on the wire only with {@code x-ignore-shared}
 */
public record RamBlockEntry(String idstr, long usedLength, OptionalLong pageSize, OptionalLong guestPhysicalAddress) {
    /** Name with its length byte, used length, page size, guest physical address. */
    static final int MAX_BYTES = 1 + Wire.NAME_BYTES + 3 * 8;

    /** Checks name and length. */
    public RamBlockEntry {
        Wire.nameBytes(idstr);
        if (usedLength <= 0 || (usedLength & Wire.FLAG_MASK) != 0) {
            throw new IllegalArgumentException("RAM block '" + idstr + "' has " + usedLength
                    + " bytes; a block is a positive multiple of " + Wire.PAGE_BYTES + ".");
        }
    }

    /** A block of ordinary pages. */
    public static RamBlockEntry of(String idstr, long usedLength) {
        return new RamBlockEntry(idstr, usedLength, OptionalLong.empty(), OptionalLong.empty());
    }

    /**
     * A block as the block list of a stream with POSTCOPY_ADVISE has it: its page size is told unless it is 4096.
     *
     * @param pageBytes bytes of a host page behind it, a power of two; the length is a multiple of it
     */
    public static RamBlockEntry withPages(String idstr, long usedLength, long pageBytes) {
        if (pageBytes < Wire.PAGE_BYTES || Long.bitCount(pageBytes) != 1 || usedLength % pageBytes != 0) {
            throw new IllegalArgumentException("RAM block '" + idstr + "' has " + usedLength + " bytes in pages of "
                    + pageBytes + "; a page is a power of two from 4096 and divides the block.");
        }
        OptionalLong told = pageBytes == Wire.PAGE_BYTES ? OptionalLong.empty() : OptionalLong.of(pageBytes);
        return new RamBlockEntry(idstr, usedLength, told, OptionalLong.empty());
    }

    /** Bytes of a host page behind it: what postcopy asks for and places at once. */
    public long pageBytes() {
        return pageSize.orElse(Wire.PAGE_BYTES);
    }

    /** How many 4096-byte pages. */
    public long pageCount() {
        return usedLength >>> Wire.PAGE_BITS;
    }

    /** Bytes of its bitmap in RECV_BITMAP: a bit a 4096-byte page, rounded up to 8 bytes. */
    public int receivedBitmapBytes() {
        return Math.toIntExact(((pageCount() + 63) >>> 6) << 3);
    }

    void encode(ByteBuffer out) {
        Wire.putName(out, idstr);
        out.putLong(usedLength);
        pageSize.ifPresent(out::putLong);
        guestPhysicalAddress.ifPresent(out::putLong);
    }
}
