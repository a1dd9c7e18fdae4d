// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.kvm;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.godwit.linux.ffi.ThreadScratch;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Reads and clears the dirty log of one memory slot, without allocating. One thread at a time, but for {@link #clear}.
 *
 * <p>The order that loses nothing: {@link #fetch}, then for each portion {@link #clear} and only then hand its {@link
 * #word}s to whoever copies pages. A page that is written after it was cleared is in the next log; a page that is
 * written between fetch and clear is in this one and copied later.
 */
public final class KvmDirtyLog implements AutoCloseable {
    private final KvmDescriptor vm;
    private final int slot;
    private final long pageCount;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment bitmap;
    private final MemorySegment getRequest;

    KvmDirtyLog(KvmDescriptor vm, int slot, long pageCount) {
        if (pageCount <= 0) {
            throw new IllegalArgumentException("a dirty log covers at least one page, not " + pageCount);
        }
        this.vm = vm;
        this.slot = slot;
        this.pageCount = pageCount;
        bitmap = arena.allocate((pageCount + Long.SIZE - 1) / Long.SIZE * Long.BYTES, Long.BYTES);
        getRequest = arena.allocate(KvmLayouts.DIRTY_LOG);
        getRequest.set(JAVA_INT, 0, slot);
        getRequest.set(JAVA_LONG, 8, bitmap.address());
    }

    /** Reads the whole log. Changes nothing in the kernel when clearing is separate, else clears it too. */
    public void fetch() {
        vm.request("KVM_GET_DIRTY_LOG", KvmRequests.GET_DIRTY_LOG, getRequest);
    }

    /** How many 64-bit words the log has. */
    public int wordCount() {
        return (int) (bitmap.byteSize() / Long.BYTES);
    }

    /** Word {@code index} as last fetched; bit n is page {@code 64 * index + n} of the slot. */
    public long word(int index) {
        return bitmap.getAtIndex(JAVA_LONG, index);
    }

    /**
     * Whether the last {@link #fetch} found no page in {@code count} words from {@code firstWord} on; much faster than
     * to look at each.
     */
    public boolean isClear(int firstWord, int count) {
        long start = (long) firstWord * Long.BYTES;
        long end = start + (long) count * Long.BYTES;
        // Words whose first is zero, and that equal themselves moved by one, are zero.
        return bitmap.get(JAVA_LONG, start) == 0
                && MemorySegment.mismatch(bitmap, start, end - Long.BYTES, bitmap, start + Long.BYTES, end) < 0;
    }

    /**
     * Clears and protects the pages that the last {@link #fetch} found dirty in a range of words. Several threads at a
     * time may clear different ranges.
     *
     * @param firstWord first word
     * @param count number of words, at least 1
     */
    public void clear(int firstWord, int count) {
        long firstPage = (long) firstWord * Long.SIZE;
        long pages = Math.min((long) count * Long.SIZE, pageCount - firstPage);
        if (firstWord < 0 || count <= 0 || firstWord + count > wordCount()) {
            throw new IndexOutOfBoundsException(
                    "words %d + %d of a dirty log of %d words".formatted(firstWord, count, wordCount()));
        }
        MemorySegment clearRequest = ThreadScratch.segment();
        clearRequest.set(JAVA_INT, 0, slot);
        clearRequest.set(JAVA_INT, 4, (int) pages);
        clearRequest.set(JAVA_LONG, 8, firstPage);
        clearRequest.set(JAVA_LONG, 16, bitmap.address() + (long) firstWord * Long.BYTES);
        vm.request("KVM_CLEAR_DIRTY_LOG", KvmRequests.CLEAR_DIRTY_LOG, clearRequest);
    }

    @Override
    public String toString() {
        return "dirty log of slot " + slot + ", " + pageCount + " pages";
    }

    @Override
    public void close() {
        arena.close();
    }
}
