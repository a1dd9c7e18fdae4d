// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.ffi;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.lang.ref.Reference;

/**
 * Descriptors, memory and ioctl of the C library. Each method returns what the function returns, or {@code -errno}.
 *
 * <p>SAFETY, for every method: addresses come from memory whose owner keeps it mapped during the call (see {@code
 * io.godwit.linux.memory.NativeMemory}), lengths were checked against it. The kernel answers a bad address with EFAULT;
 * only {@link #memcpy} would end the process. All are ordinary downcalls, never critical ones: a call that waits in the
 * kernel must not hold up a safepoint.
 */
public final class Libc {
    private static final MethodHandle OPEN = Downcall.linkVariadic("open", 3, 2);
    private static final MethodHandle CLOSE = Downcall.link("close", 1);
    private static final MethodHandle DUP = Downcall.link("dup", 1);
    private static final MethodHandle READ = Downcall.link("read", 3);
    private static final MethodHandle WRITE = Downcall.link("write", 3);
    private static final MethodHandle READV = Downcall.link("readv", 3);
    private static final MethodHandle WRITEV = Downcall.link("writev", 3);
    private static final MethodHandle LSEEK = Downcall.link("lseek", 3);
    private static final MethodHandle FTRUNCATE = Downcall.link("ftruncate", 2);
    private static final MethodHandle FCNTL = Downcall.linkVariadic("fcntl", 3, 2);
    private static final MethodHandle FLOCK = Downcall.link("flock", 2);
    private static final MethodHandle IOCTL = Downcall.linkVariadic("ioctl", 3, 2);
    private static final MethodHandle PIPE2 = Downcall.link("pipe2", 2);
    private static final MethodHandle EVENTFD = Downcall.link("eventfd", 2);
    private static final MethodHandle PPOLL = Downcall.link("ppoll", 4);
    private static final MethodHandle MMAP = Downcall.link("mmap", 6);
    private static final MethodHandle MUNMAP = Downcall.link("munmap", 2);
    private static final MethodHandle MADVISE = Downcall.link("madvise", 3);
    private static final MethodHandle MEMFD_CREATE = Downcall.link("memfd_create", 2);

    private static final MethodHandle MEMCPY = Downcall.link("memcpy", 3);
    private static final MethodHandle SYSCALL = Downcall.linkVariadic("syscall", 4, 1);

    private Libc() {}

    /** open(2); {@code path} is the address of a zero-terminated string. */
    public static int open(long path, int flags, int mode) {
        MemorySegment slot = Downcall.slot();
        try {
            return Downcall.outcome((int) (long) OPEN.invokeExact(slot, path, (long) flags, (long) mode), slot);
        } catch (Throwable thrown) {
            throw Downcall.broken("open", thrown);
        }
    }

    /** close(2). Not to be repeated after EINTR: the descriptor is gone. */
    public static int close(int fd) {
        MemorySegment slot = Downcall.slot();
        try {
            return Downcall.outcome((int) (long) CLOSE.invokeExact(slot, (long) fd), slot);
        } catch (Throwable thrown) {
            throw Downcall.broken("close", thrown);
        }
    }

    /** dup(2). */
    public static int dup(int fd) {
        MemorySegment slot = Downcall.slot();
        try {
            return Downcall.outcome((int) (long) DUP.invokeExact(slot, (long) fd), slot);
        } catch (Throwable thrown) {
            throw Downcall.broken("dup", thrown);
        }
    }

    /** read(2). */
    public static long read(int fd, long address, long length) {
        MemorySegment slot = Downcall.slot();
        try {
            return Downcall.outcome((long) READ.invokeExact(slot, (long) fd, address, length), slot);
        } catch (Throwable thrown) {
            throw Downcall.broken("read", thrown);
        }
    }

    /** write(2). */
    public static long write(int fd, long address, long length) {
        MemorySegment slot = Downcall.slot();
        try {
            return Downcall.outcome((long) WRITE.invokeExact(slot, (long) fd, address, length), slot);
        } catch (Throwable thrown) {
            throw Downcall.broken("write", thrown);
        }
    }

    /** readv(2); {@code vector} points at {@code count} struct iovec. */
    public static long readv(int fd, long vector, int count) {
        MemorySegment slot = Downcall.slot();
        try {
            return Downcall.outcome((long) READV.invokeExact(slot, (long) fd, vector, (long) count), slot);
        } catch (Throwable thrown) {
            throw Downcall.broken("readv", thrown);
        }
    }

    /** writev(2); {@code vector} points at {@code count} struct iovec. */
    public static long writev(int fd, long vector, int count) {
        MemorySegment slot = Downcall.slot();
        try {
            return Downcall.outcome((long) WRITEV.invokeExact(slot, (long) fd, vector, (long) count), slot);
        } catch (Throwable thrown) {
            throw Downcall.broken("writev", thrown);
        }
    }

    /** lseek(2). */
    public static long lseek(int fd, long offset, int whence) {
        MemorySegment slot = Downcall.slot();
        try {
            return Downcall.outcome((long) LSEEK.invokeExact(slot, (long) fd, offset, (long) whence), slot);
        } catch (Throwable thrown) {
            throw Downcall.broken("lseek", thrown);
        }
    }

    /** ftruncate(2). */
    public static int ftruncate(int fd, long length) {
        MemorySegment slot = Downcall.slot();
        try {
            return Downcall.outcome((int) (long) FTRUNCATE.invokeExact(slot, (long) fd, length), slot);
        } catch (Throwable thrown) {
            throw Downcall.broken("ftruncate", thrown);
        }
    }

    /** fcntl(2) with a number as argument. */
    public static int fcntl(int fd, int command, long argument) {
        MemorySegment slot = Downcall.slot();
        try {
            return Downcall.outcome((int) (long) FCNTL.invokeExact(slot, (long) fd, (long) command, argument), slot);
        } catch (Throwable thrown) {
            throw Downcall.broken("fcntl", thrown);
        }
    }

    /** flock(2). */
    public static int flock(int fd, int operation) {
        MemorySegment slot = Downcall.slot();
        try {
            return Downcall.outcome((int) (long) FLOCK.invokeExact(slot, (long) fd, (long) operation), slot);
        } catch (Throwable thrown) {
            throw Downcall.broken("flock", thrown);
        }
    }

    /** ioctl(2); {@code argument} is a number or the address of the request's structure. */
    public static int ioctl(int fd, long request, long argument) {
        MemorySegment slot = Downcall.slot();
        try {
            return Downcall.outcome((int) (long) IOCTL.invokeExact(slot, (long) fd, request, argument), slot);
        } catch (Throwable thrown) {
            throw Downcall.broken("ioctl", thrown);
        }
    }

    /** pipe2(2); {@code pair} points at two ints. */
    public static int pipe2(long pair, int flags) {
        MemorySegment slot = Downcall.slot();
        try {
            return Downcall.outcome((int) (long) PIPE2.invokeExact(slot, pair, (long) flags), slot);
        } catch (Throwable thrown) {
            throw Downcall.broken("pipe2", thrown);
        }
    }

    /** eventfd(2). */
    public static int eventfd(int initialValue, int flags) {
        MemorySegment slot = Downcall.slot();
        try {
            return Downcall.outcome((int) (long) EVENTFD.invokeExact(slot, (long) initialValue, (long) flags), slot);
        } catch (Throwable thrown) {
            throw Downcall.broken("eventfd", thrown);
        }
    }

    /** ppoll(2); {@code timeout} points at a struct timespec, or is 0 to wait for ever. */
    public static int ppoll(long descriptors, long count, long timeout, long signalMask) {
        MemorySegment slot = Downcall.slot();
        try {
            return Downcall.outcome(
                    (int) (long) PPOLL.invokeExact(slot, descriptors, count, timeout, signalMask), slot);
        } catch (Throwable thrown) {
            throw Downcall.broken("ppoll", thrown);
        }
    }

    /** mmap(2): the address, or {@code -errno} (addresses of processes are positive). */
    public static long mmap(long address, long length, int protection, int flags, int fd, long offset) {
        MemorySegment slot = Downcall.slot();
        try {
            return Downcall.outcome(
                    (long) MMAP.invokeExact(slot, address, length, (long) protection, (long) flags, (long) fd, offset),
                    slot);
        } catch (Throwable thrown) {
            throw Downcall.broken("mmap", thrown);
        }
    }

    /** munmap(2). */
    public static int munmap(long address, long length) {
        MemorySegment slot = Downcall.slot();
        try {
            return Downcall.outcome((int) (long) MUNMAP.invokeExact(slot, address, length), slot);
        } catch (Throwable thrown) {
            throw Downcall.broken("munmap", thrown);
        }
    }

    /** madvise(2). */
    public static int madvise(long address, long length, int advice) {
        MemorySegment slot = Downcall.slot();
        try {
            return Downcall.outcome((int) (long) MADVISE.invokeExact(slot, address, length, (long) advice), slot);
        } catch (Throwable thrown) {
            throw Downcall.broken("madvise", thrown);
        }
    }

    /** memfd_create(2); {@code name} is the address of a zero-terminated string. */
    public static int memfdCreate(long name, int flags) {
        MemorySegment slot = Downcall.slot();
        try {
            return Downcall.outcome((int) (long) MEMFD_CREATE.invokeExact(slot, name, (long) flags), slot);
        } catch (Throwable thrown) {
            throw Downcall.broken("memfd_create", thrown);
        }
    }

    /** ioctl(2) with a structure that stays alive during the call. */
    public static int ioctl(int fd, long request, MemorySegment argument) {
        try {
            return ioctl(fd, request, argument.address());
        } finally {
            Reference.reachabilityFence(argument);
        }
    }

    /** memcpy(3): a native access, so the thread may wait in it for a page that userfaultfd has yet to fill. */
    public static void memcpy(long to, long from, long length) {
        MemorySegment slot = Downcall.slot();
        try {
            long _ = (long) MEMCPY.invokeExact(slot, to, from, length);
        } catch (Throwable thrown) {
            throw Downcall.broken("memcpy", thrown);
        }
    }

    /** {@link #open(long, int, int)} with a path as Java has it. */
    public static int open(String path, int flags, int mode) {
        try (Arena arena = Arena.ofConfined()) {
            return open(arena.allocateFrom(path).address(), flags, mode);
        }
    }

    /** {@link #memfdCreate(long, int)} with a name as Java has it. */
    public static int memfdCreate(String name, int flags) {
        try (Arena arena = Arena.ofConfined()) {
            return memfdCreate(arena.allocateFrom(name).address(), flags);
        }
    }

    /** syscall(2): for calls that the C library has no function for. */
    public static long syscall(long number, long first, long second, long third) {
        MemorySegment slot = Downcall.slot();
        try {
            return Downcall.outcome((long) SYSCALL.invokeExact(slot, number, first, second, third), slot);
        } catch (Throwable thrown) {
            throw Downcall.broken("syscall", thrown);
        }
    }
}
