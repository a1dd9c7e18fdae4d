// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.memory;

import io.godwit.linux.memory.NativeMemory;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

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
    private final int pageBytes;
    private final DirtyBitmap dirtyBitmap;
    private final DirtyBitmap withheldPages;
    private volatile Optional<ReceivedBitmap> arriving = Optional.empty();

    /** Describes a block of ordinary pages over the whole of {@code memory}; see {@link #RamBlock(String, NativeMemory, int)}. */
    public RamBlock(String idstr, NativeMemory memory) {
        this(idstr, memory, PAGE_BYTES);
    }

    /**
     * Describes a block over the whole of {@code memory}.
     *
     * @param idstr the block's name on the wire, 1 to 255 bytes of UTF-8
     * @param pageBytes size of the host pages that back it: {@value #PAGE_BYTES}, or 2 MiB or 1 GiB of hugetlbfs
     * @throws IllegalArgumentException if the name has no legal length or the memory is no whole number of pages
     */
    public RamBlock(String idstr, NativeMemory memory, int pageBytes) {
        int nameBytes = idstr.getBytes(StandardCharsets.UTF_8).length;
        if (nameBytes < 1 || nameBytes > 255) {
            throw new IllegalArgumentException("RAM block name of " + nameBytes + " bytes: 1 to 255 are possible");
        }
        long length = memory.byteLength();
        if (pageBytes < PAGE_BYTES || Integer.bitCount(pageBytes) != 1) {
            throw new IllegalArgumentException("RAM block " + idstr + " with pages of " + pageBytes + " bytes");
        }
        if (length <= 0 || length % pageBytes != 0) {
            throw new IllegalArgumentException(
                    "RAM block " + idstr + " of " + length + " bytes: must be a positive multiple of " + pageBytes);
        }
        this.idstr = idstr;
        this.memory = memory;
        this.usedLength = length;
        this.pageBytes = pageBytes;
        this.dirtyBitmap = new DirtyBitmap(length >>> PAGE_SHIFT);
        this.withheldPages = new DirtyBitmap(length >>> PAGE_SHIFT);
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

    /** Size of the host pages that back it, a power of two: the unit in which the memory appears and goes. */
    public int pageBytes() {
        return pageBytes;
    }

    /**
     * Pages that precopy leaves out because they are known to hold nothing of worth. The switch to postcopy makes them dirty again: the
     * destination has nothing in their place, so they must be there when they are asked for.
     */
    public DirtyBitmap withheldPages() {
        return withheldPages;
    }

    /**
     * Whether a page may be touched by a Java thread without waiting: always, but while the guest arrives by postcopy. Then touching a page
     * that is not there would stop the whole JVM for ever; only a guest in KVM_RUN or a native copy may wait for it.
     */
    public boolean isPresent(long page) {
        Optional<ReceivedBitmap> bitmap = arriving;
        return bitmap.isEmpty() || bitmap.get().isSet(page);
    }

    /** From now on pages are there only when {@code received} says so. */
    public void beginArriving(ReceivedBitmap received) {
        arriving = Optional.of(received);
    }

    /** All pages are there. */
    public void endArriving() {
        arriving = Optional.empty();
    }

    @Override
    public String toString() {
        return idstr + " (" + (usedLength >> 20) + " MiB)";
    }
}
