// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.io;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.godwit.linux.ffi.Libc;
import io.godwit.linux.ffi.LibcStructs;
import io.godwit.linux.memory.NativeMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * A list of memory ranges that one system call reads or writes, in the order they were added. What was transferred
 * leaves the list from the front, so that a partial transfer goes on where it stopped. For one thread at a time;
 * nothing is allocated after the constructor.
 *
 * <p>The memory has to stay open while the list names it.
 */
public final class IoVector implements AutoCloseable {
    // LIMIT: the kernel refuses more ranges in one call (IOV_MAX).
    private static final int MAXIMUM_CAPACITY = 1024;
    private static final long ENTRY_BYTES = LibcStructs.IOVEC.byteSize();
    private static final long BASE = LibcStructs.offset(LibcStructs.IOVEC, "iov_base");
    private static final long LENGTH = LibcStructs.offset(LibcStructs.IOVEC, "iov_len");

    private final Arena arena = Arena.ofShared();
    private final MemorySegment entries;
    private final int capacity;
    private int first;
    private int end;
    private long remainingBytes;
    private long lastEnd;

    /** An empty list with room for {@code capacity} ranges, 1 to 1024. */
    public IoVector(int capacity) {
        if (capacity < 1 || capacity > MAXIMUM_CAPACITY) {
            throw new IllegalArgumentException(
                    "an IoVector holds 1 to %d ranges, not %d".formatted(MAXIMUM_CAPACITY, capacity));
        }
        this.capacity = capacity;
        this.entries = arena.allocate(LibcStructs.IOVEC, capacity);
    }

    /** Forgets all ranges. */
    public void clear() {
        first = 0;
        end = 0;
        remainingBytes = 0;
        lastEnd = 0;
    }

    /**
     * Adds a range at the end. If it starts where the last one ends, the last one grows; an empty range is left out.
     *
     * @throws IllegalStateException the list is full; see {@link #isFull}
     */
    public void add(NativeMemory memory, long offset, long length) {
        long address = memory.address(offset, length);
        if (length == 0) {
            return;
        }
        if (first == end) {
            clear();
        }
        if (end > first && address == lastEnd) {
            long at = (end - 1) * ENTRY_BYTES + LENGTH;
            entries.set(JAVA_LONG, at, entries.get(JAVA_LONG, at) + length);
        } else {
            append(address, length);
        }
        lastEnd = address + length;
        remainingBytes += length;
    }

    private void append(long address, long length) {
        if (end == capacity) {
            throw new IllegalStateException("the IoVector is full: it holds %d ranges, %d of them not yet transferred"
                    .formatted(capacity, count()));
        }
        long at = end * ENTRY_BYTES;
        entries.set(JAVA_LONG, at + BASE, address);
        entries.set(JAVA_LONG, at + LENGTH, length);
        end++;
    }

    /** Ranges not yet transferred. */
    public int count() {
        return end - first;
    }

    /** The most ranges it can hold. */
    public int capacity() {
        return capacity;
    }

    /** Bytes not yet transferred. */
    public long remainingBytes() {
        return remainingBytes;
    }

    /**
     * Whether the next range may find no room. Room comes back when everything has been transferred, or by {@link
     * #clear}.
     */
    public boolean isFull() {
        return end == capacity && first != end;
    }

    /**
     * Copies bytes from the front and takes them off, as a system call does that writes them: for who must see the
     * bytes himself, to encrypt them or to hand them over without a kernel.
     *
     * @return how many: {@code length}, or fewer if no more are left
     */
    public int drainTo(NativeMemory target, long offset, int length) {
        int copied = 0;
        while (copied < length && remainingBytes > 0) {
            long at = first * ENTRY_BYTES;
            long range = Math.min(entries.get(JAVA_LONG, at + LENGTH), length - copied);
            // SAFETY: the memory that was added stays open while the list names it; the target checks its own range.
            Libc.memcpy(target.address(offset + copied, range), entries.get(JAVA_LONG, at + BASE), range);
            advance(range);
            copied += (int) range;
        }
        return copied;
    }

    /** Where the ranges not yet transferred start, as struct iovec. */
    long firstAddress() {
        return entries.address() + first * ENTRY_BYTES;
    }

    /** Takes {@code byteLength} bytes off the front. */
    void advance(long byteLength) {
        assert byteLength <= remainingBytes : byteLength + " of " + remainingBytes;
        if (byteLength == remainingBytes) {
            clear();
            return;
        }
        remainingBytes -= byteLength;
        long left = byteLength;
        while (left > 0) {
            long at = first * ENTRY_BYTES;
            long length = entries.get(JAVA_LONG, at + LENGTH);
            if (left < length) {
                entries.set(JAVA_LONG, at + BASE, entries.get(JAVA_LONG, at + BASE) + left);
                entries.set(JAVA_LONG, at + LENGTH, length - left);
                return;
            }
            left -= length;
            first++;
        }
    }

    /** Frees the list itself, not the memory it names. Harmless when repeated. */
    @Override
    public void close() {
        if (arena.scope().isAlive()) {
            arena.close();
        }
    }
}
