// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.memory;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import io.godwit.linux.NativeException;
import io.godwit.linux.ffi.Libc;
import io.godwit.linux.ffi.LibcConstants;
import io.godwit.linux.ffi.ThreadScratch;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Objects;

/**
 * A mapping of memory outside the Java heap: guest RAM, a staging buffer, a ring shared with the kernel. It starts on a
 * page boundary and reads as zero at first.
 *
 * <p>One owner closes it, once the threads and the kernel objects that use it are gone. Any thread may read and write
 * it; only the methods that say so order memory. Offsets and lengths are in bytes; outside the mapping they throw
 * {@link IndexOutOfBoundsException}, after {@link #close} everything throws {@link IllegalStateException}.
 *
 * <p>A Java thread must not touch a page that userfaultfd has yet to fill, except by the methods whose name says
 * downcall: it would wait in Java code, the next safepoint would wait for it, and the thread that fills the page would
 * wait for the safepoint.
 */
public final class NativeMemory implements AutoCloseable {
    /** Bytes in an ordinary page. */
    public static final int PAGE_BYTES = 4096;

    private static final int READ_WRITE = LibcConstants.PROT_READ | LibcConstants.PROT_WRITE;
    private static final int NO_FILE = -1;

    // A copy or fill of Java's holds up safepoints while it lasts: 1 MiB takes 0.1 ms.
    private static final long CHUNK_BYTES = 1L << 20;

    private static final ValueLayout.OfInt INT_LE = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT_BE = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
    private static final ValueLayout.OfLong LONG_NATIVE = ValueLayout.JAVA_LONG_UNALIGNED;
    private static final ValueLayout.OfLong LONG_LE = LONG_NATIVE.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG_BE = LONG_NATIVE.withOrder(ByteOrder.BIG_ENDIAN);
    private static final VarHandle ALIGNED_INT = ValueLayout.JAVA_INT.varHandle();
    private static final VarHandle ALIGNED_LONG = ValueLayout.JAVA_LONG.varHandle();

    private final Arena arena;
    private final MemorySegment segment;
    private final long start;
    private final long byteLength;
    private final int file;

    private NativeMemory(long start, long byteLength, long mappedBytes, int file) {
        this.arena = Arena.ofShared();
        this.segment = owned(arena, start, mappedBytes, file).asSlice(0, byteLength);
        this.start = start;
        this.byteLength = byteLength;
        this.file = file;
    }

    @SuppressWarnings("restricted")
    private static MemorySegment owned(Arena arena, long start, long mappedBytes, int file) {
        // SAFETY: mmap has just returned this range and nobody else knows it; the arena unmaps it exactly once, when no
        // Java thread is inside an access. Threads inside system calls on it have stopped by the class's contract.
        return MemorySegment.ofAddress(start).reinterpret(mappedBytes, arena, mapping -> {
            Libc.munmap(mapping.address(), mappedBytes);
            if (file != NO_FILE) {
                Libc.close(file);
            }
        });
    }

    /** Zeroed memory for buffers; counted against the system's memory at once. */
    public static NativeMemory allocate(long byteLength) {
        return map(byteLength, PAGE_BYTES, LibcConstants.MAP_PRIVATE | LibcConstants.MAP_ANONYMOUS, NO_FILE, "");
    }

    /** Private anonymous memory that costs nothing until it is touched: guest RAM. */
    public static NativeMemory mapAnonymous(long byteLength) {
        int flags = LibcConstants.MAP_PRIVATE | LibcConstants.MAP_ANONYMOUS | LibcConstants.MAP_NORESERVE;
        return map(byteLength, PAGE_BYTES, flags, NO_FILE, "");
    }

    /**
     * Shared memory with a memfd behind it, that {@link #mapAgain} can map a second time.
     *
     * @param name shown in /proc/self/maps, at most 249 bytes
     */
    public static NativeMemory mapShared(String name, long byteLength) {
        return mapFile(name, byteLength, PAGE_BYTES, 0, "");
    }

    /**
     * Shared memory of huge pages, which the administrator has set aside (/proc/sys/vm/nr_hugepages).
     *
     * @param byteLength a multiple of the page size
     * @throws NativeException ENOMEM: too few huge pages are free
     */
    public static NativeMemory mapShared(String name, long byteLength, HugePageSize pageSize) {
        if (byteLength % pageSize.byteLength() != 0) {
            throw new IllegalArgumentException("memory of %d-byte huge pages cannot have %d bytes: use a multiple"
                    .formatted(pageSize.byteLength(), byteLength));
        }
        String advice = "; needs %d free huge pages of %d KiB, see /sys/kernel/mm/hugepages"
                .formatted(byteLength / pageSize.byteLength(), pageSize.byteLength() >> 10);
        int flags = LibcConstants.MFD_HUGETLB | pageSize.memfdFlag();
        return mapFile(name, byteLength, pageSize.byteLength(), flags, advice);
    }

    /** The same pages at a second address, with an owner of its own; only for shared memory. */
    public NativeMemory mapAgain() {
        checkAlive();
        if (file == NO_FILE) {
            throw new IllegalStateException("private memory cannot be mapped a second time: only shared memory can");
        }
        int copy = Libc.dup(file);
        if (copy < 0) {
            throw NativeException.of("dup", copy, "memfd " + file);
        }
        return map(byteLength, PAGE_BYTES, LibcConstants.MAP_SHARED, copy, "");
    }

    private static NativeMemory mapFile(String name, long byteLength, long pageBytes, int memfdFlags, String advice) {
        int file = Libc.memfdCreate(name, LibcConstants.MFD_CLOEXEC | memfdFlags);
        if (file < 0) {
            throw NativeException.of("memfd_create", file, "name " + name + advice);
        }
        int truncated = Libc.ftruncate(file, byteLength);
        if (truncated < 0) {
            Libc.close(file);
            throw NativeException.of("ftruncate", truncated, "memfd " + name + ", length " + byteLength + advice);
        }
        return map(byteLength, pageBytes, LibcConstants.MAP_SHARED, file, advice);
    }

    private static NativeMemory map(long byteLength, long pageBytes, int flags, int file, String advice) {
        if (byteLength <= 0) {
            throw new IllegalArgumentException("memory needs at least 1 byte, not " + byteLength);
        }
        long mappedBytes = (byteLength + pageBytes - 1) & -pageBytes;
        long start = Libc.mmap(0, mappedBytes, READ_WRITE, flags, file, 0);
        if (start < 0) {
            if (file != NO_FILE) {
                Libc.close(file);
            }
            throw NativeException.of(
                    "mmap", start, "length " + mappedBytes + ", flags 0x" + Integer.toHexString(flags) + advice);
        }
        return new NativeMemory(start, byteLength, mappedBytes, file);
    }

    /** Where the mapping starts in this process. */
    public long address() {
        checkAlive();
        return start;
    }

    /**
     * The address of {@code length} bytes at {@code offset}, for the kernel: checked to be inside a mapping that is
     * open now.
     */
    public long address(long offset, long length) {
        checkAlive();
        Objects.checkFromIndexSize(offset, length, byteLength);
        return start + offset;
    }

    /** Bytes in the mapping, as asked for. */
    public long byteLength() {
        return byteLength;
    }

    /** Whether the pages belong to a file (a memfd), so that dropping them takes {@link Advice#REMOVE}. */
    public boolean isShared() {
        return file != NO_FILE;
    }

    /** Whether {@link #close} has yet to be called. */
    public boolean isOpen() {
        return segment.scope().isAlive();
    }

    /** madvise(2) on a range of whole pages. */
    public void advise(long offset, long length, Advice advice) {
        long address = address(offset, length);
        int result = Libc.madvise(address, length, advice.number());
        if (result < 0) {
            throw NativeException.of(
                    "madvise", result, advice + ", address 0x" + Long.toHexString(address) + ", length " + length);
        }
    }

    /** A view of {@code length} bytes, big-endian, without a copy. It dies with this memory. */
    public ByteBuffer buffer(long offset, int length) {
        checkAlive();
        return segment.asSlice(offset, length).asByteBuffer();
    }

    /** The byte at {@code offset}. */
    public byte getByte(long offset) {
        return segment.get(JAVA_BYTE, offset);
    }

    /** Writes a byte. */
    public void putByte(long offset, byte value) {
        segment.set(JAVA_BYTE, offset, value);
    }

    /** The little-endian int at {@code offset}, aligned or not. */
    public int getIntLE(long offset) {
        return segment.get(INT_LE, offset);
    }

    /** Writes a little-endian int, aligned or not. */
    public void putIntLE(long offset, int value) {
        segment.set(INT_LE, offset, value);
    }

    /** The big-endian int at {@code offset}, aligned or not. */
    public int getIntBE(long offset) {
        return segment.get(INT_BE, offset);
    }

    /** Writes a big-endian int, aligned or not. */
    public void putIntBE(long offset, int value) {
        segment.set(INT_BE, offset, value);
    }

    /** The long at {@code offset} in the machine's byte order, aligned or not. */
    public long getLong(long offset) {
        return segment.get(LONG_NATIVE, offset);
    }

    /** Writes a long in the machine's byte order, aligned or not. */
    public void putLong(long offset, long value) {
        segment.set(LONG_NATIVE, offset, value);
    }

    /** The little-endian long at {@code offset}, aligned or not. */
    public long getLongLE(long offset) {
        return segment.get(LONG_LE, offset);
    }

    /** Writes a little-endian long, aligned or not. */
    public void putLongLE(long offset, long value) {
        segment.set(LONG_LE, offset, value);
    }

    /** The big-endian long at {@code offset}, aligned or not. */
    public long getLongBE(long offset) {
        return segment.get(LONG_BE, offset);
    }

    /** Writes a big-endian long, aligned or not. */
    public void putLongBE(long offset, long value) {
        segment.set(LONG_BE, offset, value);
    }

    /** Volatile read of the int at {@code offset}, a multiple of 4, in the machine's byte order. */
    public int getIntVolatile(long offset) {
        return (int) ALIGNED_INT.getVolatile(segment, offset);
    }

    /** Volatile write of an int at a multiple of 4. */
    public void putIntVolatile(long offset, int value) {
        ALIGNED_INT.setVolatile(segment, offset, value);
    }

    /** Volatile read of the long at {@code offset}, a multiple of 8, in the machine's byte order. */
    public long getLongVolatile(long offset) {
        return (long) ALIGNED_LONG.getVolatile(segment, offset);
    }

    /** Volatile write of a long at a multiple of 8. */
    public void putLongVolatile(long offset, long value) {
        ALIGNED_LONG.setVolatile(segment, offset, value);
    }

    /** Adds to the long at {@code offset}, a multiple of 8, in one step; the value before. */
    public long getAndAddLong(long offset, long delta) {
        return (long) ALIGNED_LONG.getAndAdd(segment, offset, delta);
    }

    /** Sets the long at {@code offset}, a multiple of 8, in one step; the value before. */
    public long getAndSetLong(long offset, long value) {
        return (long) ALIGNED_LONG.getAndSet(segment, offset, value);
    }

    /** Whether {@code length} bytes are all zero; stops soon after the first that is not. */
    public boolean isZero(long offset, int length) {
        return PageContent.isZero(segment, offset, length);
    }

    /**
     * A 64-bit hash of the content, the same in every process and on every run. Not cryptographic: whoever chooses the
     * bytes can choose the hash.
     */
    public long hash(long offset, int length) {
        return PageContent.hash(segment, offset, length);
    }

    /** Where {@code length} bytes at two places differ first, counted from the offsets; -1 if nowhere. */
    public static long mismatch(NativeMemory one, long oneOffset, NativeMemory other, long otherOffset, long length) {
        return MemorySegment.mismatch(
                one.segment, oneOffset, oneOffset + length, other.segment, otherOffset, otherOffset + length);
    }

    /** Copies {@code length} bytes; the ranges may overlap only if {@code length} is at most 1 MiB. */
    public static void copy(NativeMemory from, long fromOffset, NativeMemory to, long toOffset, long length) {
        Objects.checkFromIndexSize(fromOffset, length, from.byteLength);
        Objects.checkFromIndexSize(toOffset, length, to.byteLength);
        for (long done = 0; done < length; done += CHUNK_BYTES) {
            long chunk = Math.min(CHUNK_BYTES, length - done);
            MemorySegment.copy(from.segment, fromOffset + done, to.segment, toOffset + done, chunk);
        }
    }

    /** Copies from memory into an array. */
    public void copyTo(long offset, byte[] target, int targetIndex, int length) {
        MemorySegment.copy(segment, JAVA_BYTE, offset, target, targetIndex, length);
    }

    /** Copies from an array into memory. */
    public void copyFrom(long offset, byte[] source, int sourceIndex, int length) {
        MemorySegment.copy(source, sourceIndex, segment, JAVA_BYTE, offset, length);
    }

    /**
     * Copies {@code length} bytes by a call of memcpy(3): the only way for a Java thread to touch pages that
     * userfaultfd has yet to fill, because a thread inside a call does not hold up safepoints. The ranges must not
     * overlap, and neither memory may be closed meanwhile.
     */
    public static void copyByDowncall(NativeMemory from, long fromOffset, NativeMemory to, long toOffset, long length) {
        // SAFETY: both ranges are inside mappings that are open now; their owners close them only after this thread has
        // stopped.
        Libc.memcpy(to.address(toOffset, length), from.address(fromOffset, length), length);
    }

    /**
     * The long at {@code offset}, a multiple of 8, in the machine's byte order, read by a call of memcpy(3). It may
     * wait for its page without holding up safepoints. This memory must not be closed meanwhile.
     */
    public long getLongByDowncall(long offset) {
        MemorySegment copy = ThreadScratch.segment();
        // SAFETY: the source is inside a mapping that is open now, see copyByDowncall; the copy lives as long as this
        // thread. The C library copies 8 aligned bytes in one access.
        Libc.memcpy(copy.address(), aligned(offset), Long.BYTES);
        return copy.get(LONG_NATIVE, 0);
    }

    /** Writes a long as {@link #getLongByDowncall} reads one. */
    public void putLongByDowncall(long offset, long value) {
        MemorySegment copy = ThreadScratch.segment();
        copy.set(LONG_NATIVE, 0, value);
        // SAFETY: as in getLongByDowncall.
        Libc.memcpy(aligned(offset), copy.address(), Long.BYTES);
    }

    private long aligned(long offset) {
        if (offset % Long.BYTES != 0) {
            throw new IllegalArgumentException("offset " + offset + " is no multiple of " + Long.BYTES);
        }
        return address(offset, Long.BYTES);
    }

    /** Sets {@code length} bytes to {@code value}. */
    public void fill(long offset, long length, byte value) {
        Objects.checkFromIndexSize(offset, length, byteLength);
        for (long done = 0; done < length; done += CHUNK_BYTES) {
            segment.asSlice(offset + done, Math.min(CHUNK_BYTES, length - done)).fill(value);
        }
    }

    /** Fills {@code length} bytes with noise that depends on nothing but {@code seed} and the place in the range. */
    public void fillRandom(long offset, long length, long seed) {
        Objects.checkFromIndexSize(offset, length, byteLength);
        PageContent.fillRandom(segment, offset, length, seed);
    }

    /** Unmaps the memory. Harmless when repeated. */
    @Override
    public synchronized void close() {
        if (isOpen()) {
            arena.close();
        }
    }

    @Override
    public String toString() {
        return "memory at 0x" + Long.toHexString(start) + ", " + byteLength + " bytes" + (isOpen() ? "" : ", closed");
    }

    private void checkAlive() {
        if (!isOpen()) {
            throw new IllegalStateException("the memory of " + byteLength + " bytes is closed");
        }
    }
}
