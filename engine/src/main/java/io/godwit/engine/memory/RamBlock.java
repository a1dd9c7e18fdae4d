// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.memory;

import io.godwit.linux.memory.NativeMemory;
import java.nio.charset.StandardCharsets;

/**
 * A named piece of guest memory. The memory belongs to the guest, which keeps it mapped as long as the block is in its
 * {@link RamBlocks}; a block carries no arena and frees nothing.
 */
public final class RamBlock {
    /** The target page size: the unit of tracking and of the wire. */
    public static final int PAGE_BYTES = 4096;

    /** The binary logarithm of {@link #PAGE_BYTES}. */
    public static final int PAGE_SHIFT = 12;

    private final String idstr;
    private final NativeMemory memory;
    private final long usedLength;
    private final DirtyBitmap dirtyBitmap;

    /**
     * Describes a block over the whole of {@code memory}.
     *
     * @param idstr the block's name on the wire, 1 to 255 bytes of UTF-8
     * @throws IllegalArgumentException if the name has no legal length or the memory is no whole number of pages
     */
    public RamBlock(String idstr, NativeMemory memory) {
        int nameBytes = idstr.getBytes(StandardCharsets.UTF_8).length;
        if (nameBytes < 1 || nameBytes > 255) {
            throw new IllegalArgumentException("RAM block name of " + nameBytes + " bytes: 1 to 255 are possible");
        }
        long length = memory.byteLength();
        if (length <= 0 || length % PAGE_BYTES != 0) {
            throw new IllegalArgumentException(
                    "RAM block " + idstr + " of " + length + " bytes: must be a positive multiple of " + PAGE_BYTES);
        }
        this.idstr = idstr;
        this.memory = memory;
        this.usedLength = length;
        this.dirtyBitmap = new DirtyBitmap(length >>> PAGE_SHIFT);
    }

    /** The name on the wire. */
    public String idstr() {
        return idstr;
    }

    /** Where the bytes are. */
    public NativeMemory memory() {
        return memory;
    }

    /** Length in bytes, a multiple of the page size. */
    public long usedLength() {
        return usedLength;
    }

    /** Length in pages. */
    public long pageCount() {
        return usedLength >>> PAGE_SHIFT;
    }

    /** Pages that must still be sent. */
    public DirtyBitmap dirtyBitmap() {
        return dirtyBitmap;
    }

    @Override
    public String toString() {
        return idstr + " (" + (usedLength >> 20) + " MiB)";
    }
}
