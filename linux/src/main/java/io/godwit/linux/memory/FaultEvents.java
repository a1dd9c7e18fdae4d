// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.memory;

import io.godwit.linux.Errno;
import io.godwit.linux.NativeException;
import io.godwit.linux.ffi.Libc;
import io.godwit.linux.ffi.LibcStructs;
import io.godwit.linux.ffi.UserfaultfdNumbers;
import io.godwit.linux.ffi.UserfaultfdStructs;
import java.util.Objects;

/**
 * Room for the faults that one read of a {@link Userfaultfd} returns. For one thread; nothing is allocated after the
 * constructor.
 */
public final class FaultEvents implements AutoCloseable {
    private static final int EVENT_BYTES = (int) UserfaultfdStructs.UFFD_MSG.byteSize();
    private static final long FLAGS = LibcStructs.offset(UserfaultfdStructs.UFFD_MSG, "arg.pagefault.flags");
    private static final long ADDRESS = LibcStructs.offset(UserfaultfdStructs.UFFD_MSG, "arg.pagefault.address");
    private static final long THREAD = LibcStructs.offset(UserfaultfdStructs.UFFD_MSG, "arg.pagefault.feat.ptid");

    private final NativeMemory buffer;
    private final int capacity;
    private int count;

    /** Room for {@code capacity} faults, at least 1. */
    public FaultEvents(int capacity) {
        this.capacity = capacity;
        this.buffer = NativeMemory.allocate((long) capacity * EVENT_BYTES);
    }

    int readFrom(int number) {
        long result;
        do {
            result = Libc.read(number, buffer.address(), (long) capacity * EVENT_BYTES);
        } while (result == -Errno.EINTR.number());
        if (result < 0 && result != -Errno.EAGAIN.number()) {
            throw NativeException.of("read", result, "userfaultfd " + number);
        }
        count = (int) Math.max(0, result) / EVENT_BYTES;
        return count;
    }

    /** Whether event {@code index} is a page fault, the only kind that is asked for. */
    public boolean isPageFault(int index) {
        return Byte.toUnsignedInt(buffer.getByte(at(index))) == UserfaultfdNumbers.UFFD_EVENT_PAGEFAULT;
    }

    /** The address that was touched, cut to its page. */
    public long address(int index) {
        return buffer.getLong(at(index) + ADDRESS) & -NativeMemory.PAGE_BYTES;
    }

    /** Whether the access was a write. */
    public boolean isWrite(int index) {
        return (flags(index) & UserfaultfdNumbers.UFFD_PAGEFAULT_FLAG_WRITE) != 0;
    }

    /** Whether the page is there but protected; otherwise it is missing. */
    public boolean isWriteProtect(int index) {
        return (flags(index) & UserfaultfdNumbers.UFFD_PAGEFAULT_FLAG_WP) != 0;
    }

    /** The thread that waits, given {@link Userfaultfd.Feature#THREAD_ID}. */
    public int threadId(int index) {
        return (int) buffer.getLong(at(index) + THREAD);
    }

    private long flags(int index) {
        return buffer.getLong(at(index) + FLAGS);
    }

    private long at(int index) {
        return (long) Objects.checkIndex(index, count) * EVENT_BYTES;
    }

    /** Frees the room. Harmless when repeated. */
    @Override
    public void close() {
        buffer.close();
    }
}
