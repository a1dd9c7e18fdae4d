// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store.snapshots;

import io.godwit.store.StoreException;
import io.godwit.stream.RamBlockEntry;
import java.util.OptionalLong;

/**
 * One RAM block of a stored guest.
 *
 * @param idstr its name, as {@code pc.ram}
 * @param byteLength a positive multiple of 4096
 * @param hostPageBytes bytes of a host page behind it where it ran; 4096 if nothing else is known
 * @param guestAddress where the guest has it, if the stream said so
 */
public record SavedBlock(String idstr, long byteLength, long hostPageBytes, OptionalLong guestAddress) {
    /** Pages of it: 4096 bytes each. */
    private static final int PAGE_BITS = 12;

    /** Checks the numbers. */
    public SavedBlock {
        if (byteLength <= 0 || (byteLength & ((1 << PAGE_BITS) - 1)) != 0 || hostPageBytes < 1 << PAGE_BITS) {
            throw new StoreException("RAM block '" + idstr + "' has " + byteLength + " bytes in pages of "
                    + hostPageBytes + "; it must be a positive multiple of 4096.");
        }
    }

    /** The block of a stream's list. */
    public static SavedBlock of(RamBlockEntry entry) {
        return new SavedBlock(entry.idstr(), entry.usedLength(), entry.pageBytes(), entry.guestPhysicalAddress());
    }

    /** How many pages it has. */
    public long pageCount() {
        return byteLength >>> PAGE_BITS;
    }
}
