// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.memory;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.godwit.linux.Errno;
import io.godwit.linux.NativeException;
import io.godwit.linux.Pollable;
import io.godwit.linux.ffi.Libc;
import io.godwit.linux.ffi.LibcConstants;
import io.godwit.linux.ffi.LibcStructs;
import io.godwit.linux.ffi.ThreadScratch;
import io.godwit.linux.ffi.UserfaultfdNumbers;
import io.godwit.linux.ffi.UserfaultfdStructs;
import java.lang.foreign.MemorySegment;
import java.util.EnumSet;
import java.util.Set;

/**
 * The kernel's user-space page faults: pages that are missing are filled by us, writes to protected pages are noticed.
 *
 * <p>Addresses are those of {@link NativeMemory#address(long, long)}, lengths are in bytes, both in whole pages. Any
 * thread may call any method; {@link #close} belongs to the owner, and gives the registered ranges back to the kernel:
 * who waits for a missing page then gets a zero page. Specification: userfaultfd(2), ioctl_userfaultfd(2).
 */
public final class Userfaultfd implements Pollable, AutoCloseable {
    /** What a descriptor can be asked for when it is opened. */
    public enum Feature {
        /** Write protection (Linux 5.7). */
        WRITE_PROTECT(UserfaultfdNumbers.UFFD_FEATURE_PAGEFAULT_FLAG_WP),
        /** Missing pages of hugetlb memory. */
        MISSING_HUGE(UserfaultfdNumbers.UFFD_FEATURE_MISSING_HUGETLBFS),
        /** Missing pages of shared memory. */
        MISSING_SHARED(UserfaultfdNumbers.UFFD_FEATURE_MISSING_SHMEM),
        /** Events name the thread that faulted. */
        THREAD_ID(UserfaultfdNumbers.UFFD_FEATURE_THREAD_ID),
        /** Write protection of shared and hugetlb memory (Linux 5.19). */
        WRITE_PROTECT_SHARED(UserfaultfdNumbers.UFFD_FEATURE_WP_HUGETLBFS_SHMEM),
        /** Write protection of pages that do not exist yet (Linux 6.4). */
        WRITE_PROTECT_UNPOPULATED(UserfaultfdNumbers.UFFD_FEATURE_WP_UNPOPULATED),
        /** The kernel lifts the protection by itself, and remembers that the page was written (Linux 6.7). */
        WRITE_PROTECT_ASYNC(UserfaultfdNumbers.UFFD_FEATURE_WP_ASYNC);

        private final long bit;

        Feature(long bit) {
            this.bit = bit;
        }
    }

    /** Whose accesses may wait for us. */
    public enum Faults {
        /**
         * Those of user code only. Always allowed; enough for {@link Feature#WRITE_PROTECT_ASYNC}, where nobody waits.
         */
        USER,
        /** Those of the kernel too: KVM_RUN, system calls that read or write the memory. Takes a privilege. */
        USER_AND_KERNEL
    }

    /** What is watched in a range. */
    public enum Mode {
        /** Pages that do not exist. */
        MISSING(UserfaultfdNumbers.UFFDIO_REGISTER_MODE_MISSING),
        /** Writes to protected pages. */
        WRITE_PROTECT(UserfaultfdNumbers.UFFDIO_REGISTER_MODE_WP);

        private final long bit;

        Mode(long bit) {
            this.bit = bit;
        }
    }

    /** How placing a page ended. */
    public enum Placement {
        /** Every page of the range has been placed. */
        PLACED,
        /** A page was there already and is left as it was; those before it in the range have been placed. */
        ALREADY_PRESENT,
        /** The range is not registered, or the process is ending. */
        RANGE_GONE
    }

    /** What {@link io.godwit.linux.memory.PagemapScan} needs to find written pages of any memory. */
    public static final Set<Feature> WRITE_TRACKING = Set.of(
            Feature.WRITE_PROTECT,
            Feature.WRITE_PROTECT_SHARED,
            Feature.WRITE_PROTECT_UNPOPULATED,
            Feature.WRITE_PROTECT_ASYNC);

    private static final String DEVICE = "/dev/userfaultfd";
    private static final long FEATURES = LibcStructs.offset(UserfaultfdStructs.UFFDIO_API, "features");
    private static final long REGISTER_MODE = LibcStructs.offset(UserfaultfdStructs.UFFDIO_REGISTER, "mode");
    private static final long REGISTER_IOCTLS = LibcStructs.offset(UserfaultfdStructs.UFFDIO_REGISTER, "ioctls");
    private static final long RANGE_LENGTH = LibcStructs.offset(UserfaultfdStructs.UFFDIO_RANGE, "len");
    private static final long PROTECT_MODE = LibcStructs.offset(UserfaultfdStructs.UFFDIO_WRITEPROTECT, "mode");
    private static final long COPY_SOURCE = LibcStructs.offset(UserfaultfdStructs.UFFDIO_COPY, "src");
    private static final long COPY_LENGTH = LibcStructs.offset(UserfaultfdStructs.UFFDIO_COPY, "len");
    private static final long COPY_MODE = LibcStructs.offset(UserfaultfdStructs.UFFDIO_COPY, "mode");
    private static final long COPY_DONE = LibcStructs.offset(UserfaultfdStructs.UFFDIO_COPY, "copy");
    private static final long ZERO_MODE = LibcStructs.offset(UserfaultfdStructs.UFFDIO_ZEROPAGE, "mode");
    private static final long ZERO_DONE = LibcStructs.offset(UserfaultfdStructs.UFFDIO_ZEROPAGE, "zeropage");
    private static final int AGAIN = -Errno.EAGAIN.number();

    private static final int CLOSED = -1;

    private volatile int number;

    private Userfaultfd(int number) {
        this.number = number;
    }

    /**
     * Opens a descriptor with {@code features}, by the device file or by the system call, whichever is allowed.
     *
     * @throws NativeException see {@link #support}, which says it in a sentence
     */
    public static Userfaultfd open(Set<Feature> features, Faults faults) {
        Userfaultfd opened = new Userfaultfd(openNumber(faults));
        try {
            opened.handshake(bits(features));
            return opened;
        } catch (RuntimeException | Error failure) {
            opened.close();
            throw failure;
        }
    }

    /** Whether {@link #open} would succeed with the same arguments. */
    public static Support support(Set<Feature> features, Faults faults) {
        try (Userfaultfd probe = new Userfaultfd(openNumber(faults))) {
            long offered = probe.handshake(0);
            EnumSet<Feature> missing = EnumSet.noneOf(Feature.class);
            for (Feature feature : features) {
                if ((offered & feature.bit) == 0) {
                    missing.add(feature);
                }
            }
            return missing.isEmpty()
                    ? new Support.Available()
                    : new Support.Missing("userfaultfd of this kernel lacks " + missing
                            + "; Linux 6.7 has all of them, given CONFIG_PTE_MARKER_UFFD_WP");
        } catch (NativeException failure) {
            return new Support.Missing(refusal(failure, faults));
        }
    }

    private static String refusal(NativeException failure, Faults faults) {
        return switch (failure.errno()) {
            case ENOSYS -> "this kernel was built without userfaultfd (CONFIG_USERFAULTFD)";
            case EPERM, EACCES ->
                faults == Faults.USER_AND_KERNEL
                        ? "userfaultfd for faults of the kernel is not allowed to this process: give it access to "
                                + DEVICE + " or CAP_SYS_PTRACE, or set vm.unprivileged_userfaultfd to 1"
                        : "userfaultfd is not allowed to this process: a container's seccomp filter refuses it, and "
                                + DEVICE + " cannot be opened";
            default -> "userfaultfd does not work here: " + failure.getMessage();
        };
    }

    private static int openNumber(Faults faults) {
        int flags = LibcConstants.O_CLOEXEC
                | LibcConstants.O_NONBLOCK
                | (faults == Faults.USER ? UserfaultfdNumbers.UFFD_USER_MODE_ONLY : 0);
        int device = Libc.open(DEVICE, LibcConstants.O_RDWR | LibcConstants.O_CLOEXEC, 0);
        if (device >= 0) {
            int number = Libc.ioctl(device, UserfaultfdNumbers.USERFAULTFD_IOC_NEW, flags);
            int _ = Libc.close(device);
            if (number >= 0) {
                return number;
            }
        }
        long number = Libc.syscall(UserfaultfdNumbers.SYS_userfaultfd, flags, 0, 0);
        if (number < 0) {
            throw NativeException.of("userfaultfd", number, "flags 0x" + Integer.toHexString(flags));
        }
        return (int) number;
    }

    private long handshake(long features) {
        MemorySegment api = ThreadScratch.segment();
        api.set(JAVA_LONG, 0, UserfaultfdNumbers.UFFD_API);
        api.set(JAVA_LONG, FEATURES, features);
        int result = Libc.ioctl(number(), UserfaultfdNumbers.UFFDIO_API, api);
        if (result < 0) {
            throw NativeException.of("ioctl(UFFDIO_API)", result, "features 0x" + Long.toHexString(features));
        }
        return api.get(JAVA_LONG, FEATURES);
    }

    private static long bits(Set<Feature> features) {
        long bits = 0;
        for (Feature feature : features) {
            bits |= feature.bit;
        }
        return bits;
    }

    /** The descriptor's number; it is readable when a fault waits. */
    @Override
    public int number() {
        int current = number;
        if (current == CLOSED) {
            throw new IllegalStateException("the userfaultfd is closed");
        }
        return current;
    }

    /**
     * Watches a range.
     *
     * @return whether {@link #zeroPage} works there (not in hugetlb memory)
     * @throws NativeException the kernel cannot watch that kind of memory in that way (EINVAL), or somebody else does
     * (EBUSY)
     */
    public boolean register(long start, long byteLength, Set<Mode> modes) {
        long bits = 0;
        for (Mode mode : modes) {
            bits |= mode.bit;
        }
        MemorySegment argument = range(start, byteLength);
        argument.set(JAVA_LONG, REGISTER_MODE, bits);
        request("UFFDIO_REGISTER", UserfaultfdNumbers.UFFDIO_REGISTER, argument, start, byteLength);
        return (argument.get(JAVA_LONG, REGISTER_IOCTLS) >>> UserfaultfdNumbers._UFFDIO_ZEROPAGE & 1) != 0;
    }

    /** Ends the watch over a range and wakes who waits there: what is still missing reads as zero from then on. */
    public void unregister(long start, long byteLength) {
        request("UFFDIO_UNREGISTER", UserfaultfdNumbers.UFFDIO_UNREGISTER, range(start, byteLength), start, byteLength);
    }

    /**
     * Protects every page of a range against writes; with {@link Feature#WRITE_PROTECT_ASYNC} they count as clean from
     * now.
     */
    public void writeProtect(long start, long byteLength) {
        protection(start, byteLength, UserfaultfdNumbers.UFFDIO_WRITEPROTECT_MODE_WP);
    }

    /** Takes the protection from every page of a range and wakes who waits to write there. */
    public void writeUnprotect(long start, long byteLength) {
        protection(start, byteLength, 0);
    }

    private void protection(long start, long byteLength, long mode) {
        MemorySegment argument = range(start, byteLength);
        argument.set(JAVA_LONG, PROTECT_MODE, mode);
        request("UFFDIO_WRITEPROTECT", UserfaultfdNumbers.UFFDIO_WRITEPROTECT, argument, start, byteLength);
    }

    /** Wakes the threads that wait for a page of the range; needed after placing pages without waking. */
    public void wake(long start, long byteLength) {
        request("UFFDIO_WAKE", UserfaultfdNumbers.UFFDIO_WAKE, range(start, byteLength), start, byteLength);
    }

    /**
     * Places pages in one step: nobody ever sees a part of one. The source must not be watched itself.
     *
     * @param wakes whether threads that wait for these pages go on now
     */
    public Placement copy(long target, NativeMemory source, long sourceOffset, long byteLength, boolean wakes) {
        long sourceAddress = source.address(sourceOffset, byteLength);
        long mode = wakes ? 0 : UserfaultfdNumbers.UFFDIO_COPY_MODE_DONTWAKE;
        MemorySegment argument = ThreadScratch.segment();
        long done = 0;
        while (done < byteLength) {
            argument.set(JAVA_LONG, 0, target + done);
            argument.set(JAVA_LONG, COPY_SOURCE, sourceAddress + done);
            argument.set(JAVA_LONG, COPY_LENGTH, byteLength - done);
            argument.set(JAVA_LONG, COPY_MODE, mode);
            argument.set(JAVA_LONG, COPY_DONE, 0);
            int result = Libc.ioctl(number(), UserfaultfdNumbers.UFFDIO_COPY, argument);
            if (result < 0 && result != AGAIN) {
                return refused("UFFDIO_COPY", result, target + done, byteLength - done);
            }
            done += progress(argument.get(JAVA_LONG, COPY_DONE), result, byteLength - done);
        }
        return Placement.PLACED;
    }

    /** Places zero pages, without a source; not in hugetlb memory. */
    public Placement zeroPage(long target, long byteLength, boolean wakes) {
        long mode = wakes ? 0 : UserfaultfdNumbers.UFFDIO_ZEROPAGE_MODE_DONTWAKE;
        long done = 0;
        while (done < byteLength) {
            MemorySegment argument = range(target + done, byteLength - done);
            argument.set(JAVA_LONG, ZERO_MODE, mode);
            argument.set(JAVA_LONG, ZERO_DONE, 0);
            int result = Libc.ioctl(number(), UserfaultfdNumbers.UFFDIO_ZEROPAGE, argument);
            if (result < 0 && result != AGAIN) {
                return refused("UFFDIO_ZEROPAGE", result, target + done, byteLength - done);
            }
            done += progress(argument.get(JAVA_LONG, ZERO_DONE), result, byteLength - done);
        }
        return Placement.PLACED;
    }

    /**
     * KERNEL: EAGAIN means that the address space was changing; the structure says how far it came, or repeats the
     * error.
     */
    private static long progress(long reported, int result, long all) {
        return result == AGAIN ? Math.max(0, reported) : all;
    }

    private Placement refused(String request, int result, long target, long byteLength) {
        return switch (Errno.of(-result)) {
            case EEXIST -> Placement.ALREADY_PRESENT;
            case ENOENT, ESRCH -> Placement.RANGE_GONE;
            default -> throw failure(request, result, target, byteLength);
        };
    }

    /**
     * Reads the faults that wait, as many as {@code events} has room for, and returns how many; 0 if none waits. Wait
     * with {@link io.godwit.linux.io.Polling#awaitReadable}.
     */
    public int readEvents(FaultEvents events) {
        return events.readFrom(number());
    }

    /** Closes the descriptor, which ends every watch. Harmless when repeated. */
    @Override
    public synchronized void close() {
        int last = number;
        if (last != CLOSED) {
            number = CLOSED;
            int _ = Libc.close(last);
        }
    }

    private static MemorySegment range(long start, long byteLength) {
        MemorySegment argument = ThreadScratch.segment();
        argument.set(JAVA_LONG, 0, start);
        argument.set(JAVA_LONG, RANGE_LENGTH, byteLength);
        return argument;
    }

    private void request(String name, long request, MemorySegment argument, long start, long byteLength) {
        int result;
        do {
            result = Libc.ioctl(number(), request, argument);
        } while (result == AGAIN);
        if (result < 0) {
            throw failure(name, result, start, byteLength);
        }
    }

    private NativeException failure(String request, int result, long start, long byteLength) {
        return NativeException.of(
                "ioctl(" + request + ")", result, "fd %d, start 0x%x, %d bytes".formatted(number, start, byteLength));
    }
}
