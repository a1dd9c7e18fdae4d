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
 * @param pageSize bytes of the host pages behind it; on the wire only with postcopy and pages other than 4096
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

    /** How many 4096-byte pages. */
    public long pageCount() {
        return usedLength >>> Wire.PAGE_BITS;
    }

    void encode(ByteBuffer out) {
        Wire.putName(out, idstr);
        out.putLong(usedLength);
        pageSize.ifPresent(out::putLong);
        guestPhysicalAddress.ifPresent(out::putLong);
    }
}
