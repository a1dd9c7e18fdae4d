// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.memory;

import io.godwit.linux.memory.NativeMemory;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/**
 * A named piece of guest memory. The memory belongs to the guest, which keeps it mapped as long as the block is in its
 * {@link RamBlocks}, and afterwards until everybody has let go who has {@link #beginUse begun to use} it; a block
 * carries no arena. A block of a guest that stands still has no memory: its pages come from somewhere else.
 */
public final class RamBlock implements PageSource {
    /** The target page size: the unit of tracking and of the wire. */
    public static final int PAGE_BYTES = 4096;

    /** The binary logarithm of {@link #PAGE_BYTES}. */
    public static final int PAGE_SHIFT = 12;

    private final String idstr;
    private final Optional<NativeMemory> memory;
    private final PageSource pages;
    private final long usedLength;
    private final int pageBytes;
    private final PageBitmap dirtyBitmap;
    private final PageBitmap withheldPages;
    private final PageBitmap hostWrites;
    private final MemoryUse use = new MemoryUse();
    private volatile Optional<PageBitmap> arriving = Optional.empty();

    /**
     * Describes a block of ordinary pages over the whole of {@code memory}; see {@link #RamBlock(String, NativeMemory,
     * int)}.
     */
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
        this(idstr, memory.byteLength(), pageBytes, Optional.of(memory), batch -> locate(batch, memory));
    }

    /**
     * Describes a block that can only be sent: what {@code pages} has is all that there is of it.
     *
     * @param pages serves any number of threads
     * @throws IllegalArgumentException as {@link #RamBlock(String, NativeMemory, int)}
     */
    public static RamBlock of(String idstr, long byteLength, int pageBytes, PageSource pages) {
        return new RamBlock(idstr, byteLength, pageBytes, Optional.empty(), pages);
    }

    private RamBlock(String idstr, long length, int pageBytes, Optional<NativeMemory> memory, PageSource pages) {
        int nameBytes = idstr.getBytes(StandardCharsets.UTF_8).length;
        if (nameBytes < 1 || nameBytes > 255) {
            throw new IllegalArgumentException("RAM block name of " + nameBytes + " bytes: 1 to 255 are possible");
        }
        if (pageBytes < PAGE_BYTES || Integer.bitCount(pageBytes) != 1) {
            throw new IllegalArgumentException("RAM block " + idstr + " with pages of " + pageBytes + " bytes");
        }
        if (length <= 0 || length % pageBytes != 0) {
            throw new IllegalArgumentException(
                    "RAM block " + idstr + " of " + length + " bytes: must be a positive multiple of " + pageBytes);
        }
        this.idstr = idstr;
        this.memory = memory;
        this.pages = pages;
        this.usedLength = length;
        this.pageBytes = pageBytes;
        this.dirtyBitmap = new PageBitmap(length >>> PAGE_SHIFT);
        this.withheldPages = new PageBitmap(length >>> PAGE_SHIFT);
        this.hostWrites = new PageBitmap(length >>> PAGE_SHIFT);
    }

    /** The name on the wire. */
    public String idstr() {
        return idstr;
    }

    /**
     * Where the bytes are.
     *
     * @throws IllegalStateException if they are in no memory
     */
    public NativeMemory memory() {
        return memory.orElseThrow(
                () -> new IllegalStateException("RAM block " + idstr + " is not mapped: it can only be sent"));
    }

    /** Each page is where the guest has it. Who asks keeps the memory mapped, see {@link #beginUse}. */
    @Override
    public void locate(PageBatch batch) {
        pages.locate(batch);
    }

    private static void locate(PageBatch batch, NativeMemory memory) {
        for (int i = 0; i < batch.count(); i++) {
            batch.locate(i, memory, batch.page(i) << PAGE_SHIFT);
        }
    }

    /**
     * Keeps the memory mapped until {@link #endUse}, whatever becomes of the block. Whoever touches memory of a list
     * that may have changed since does so in between, a batch of pages at a time.
     *
     * @return false if the block was taken away: its memory may be gone
     */
    public boolean beginUse() {
        return use.begin();
    }

    /** Lets go; if the block was taken away and nobody else uses it, its memory is freed here. */
    public void endUse() {
        use.end();
    }

    /** The block has left its list: its memory is freed when nobody uses it any more. */
    void retire(Runnable free) {
        use.retire(free);
    }

    /** Whether it has left its list for good. */
    boolean isRetired() {
        return use.isRetired();
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
    public PageBitmap dirtyBitmap() {
        return dirtyBitmap;
    }

    /** Size of the host pages that back it, a power of two: the unit in which the memory appears and goes. */
    public int pageBytes() {
        return pageBytes;
    }

    /**
     * Pages that precopy leaves out because the guest said that they hold nothing of worth, and that have not been
     * written since, as far as the last harvest knows. The destination has nothing in their place. The switch to
     * postcopy makes them dirty again, so that they are there when they are asked for.
     */
    public PageBitmap withheldPages() {
        return withheldPages;
    }

    /**
     * Says that the host has written a page for the guest, after the write. No tracker knows of it, so the page is sent
     * whatever the guest says of it in this migration. Any thread.
     */
    public void markHostWrite(long page) {
        // ORDERING: before the dirty bit, so that whoever takes that bit for a hint finds this one.
        hostWrites.set(page);
        dirtyBitmap.set(page);
    }

    /** All pages must be sent, and nothing is known of any. */
    public void beginSending() {
        withheldPages.clearAll();
        hostWrites.clearAll();
        dirtyBitmap.setAll();
    }

    /**
     * Leaves pages out that the guest says are free, but for those that were sent already and those that the host has
     * written. Only between the start of tracking and the first harvest after it: what the guest writes behind its hint
     * must still lie with the tracker.
     *
     * @param mask the pages, as bits of this word
     */
    public void withhold(int word, long mask) {
        long taken = dirtyBitmap.fetchAndClear(word, mask);
        long kept = taken & hostWrites.peek(word);
        dirtyBitmap.or(word, kept);
        withheldPages.or(word, taken & ~kept);
    }

    /** After a harvest: what is dirty is withheld no longer. */
    public void releaseDirtyPages() {
        for (int word = 0; word < withheldPages.wordCount(); word++) {
            long _ = withheldPages.fetchAndClear(word, dirtyBitmap.peek(word) | hostWrites.peek(word));
        }
    }

    /** Makes what is withheld dirty again. */
    public void releaseAllPages() {
        for (int word = 0; word < withheldPages.wordCount(); word++) {
            dirtyBitmap.or(word, withheldPages.fetchAndClear(word));
        }
    }

    /**
     * Whether a page may be touched by a Java thread without waiting: always, where there is memory, but while the
     * guest arrives by postcopy. Then touching a page that is not there would stop the whole JVM for ever; only a guest
     * in KVM_RUN or a native copy may wait for it.
     */
    public boolean isPresent(long page) {
        Optional<PageBitmap> bitmap = arriving;
        return memory.isPresent() && (bitmap.isEmpty() || bitmap.get().isSet(page));
    }

    /** From now on pages are there only when {@code received} says so. */
    public void beginArriving(PageBitmap received) {
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
