// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.io;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import io.godwit.linux.Errno;
import io.godwit.linux.NativeException;
import io.godwit.linux.Pollable;
import io.godwit.linux.ffi.Libc;
import io.godwit.linux.ffi.LibcConstants;
import io.godwit.linux.ffi.SocketCalls;
import io.godwit.linux.ffi.ThreadScratch;
import io.godwit.linux.memory.NativeMemory;
import java.lang.foreign.MemorySegment;

/**
 * An open file descriptor with one owner. It is non-blocking: a call that would wait says so, and {@link Polling} does
 * the waiting (a regular file is always ready).
 *
 * <p>One thread may read while another writes. {@link #close} belongs to the owner, after those threads have stopped:
 * the kernel gives the number away again at once.
 */
public final class Descriptor implements Pollable, AutoCloseable {
    private static final int CLOSED = -1;
    private static final int AGAIN = -Errno.EAGAIN.number();
    private static final int INTERRUPTED = -Errno.EINTR.number();

    private volatile int number;

    private Descriptor(int number) {
        this.number = number;
    }

    /**
     * Takes over descriptor {@code number}, and makes it non-blocking and closed on exec. Being non-blocking is a
     * property of the open file: whoever shares it (a parent's pipe, a terminal) sees the change.
     */
    public static Descriptor adopt(int number) {
        if (number < 0) {
            throw new IllegalArgumentException("a file descriptor is not negative: " + number);
        }
        int status = control(number, LibcConstants.F_GETFL, 0);
        if ((status & LibcConstants.O_NONBLOCK) == 0) {
            control(number, LibcConstants.F_SETFL, status | LibcConstants.O_NONBLOCK);
        }
        control(number, LibcConstants.F_SETFD, LibcConstants.FD_CLOEXEC);
        return new Descriptor(number);
    }

    /** Takes over a descriptor that was opened with O_NONBLOCK and O_CLOEXEC. */
    static Descriptor ofNonBlocking(int number) {
        return new Descriptor(number);
    }

    @Override
    public int number() {
        int current = number;
        if (current == CLOSED) {
            throw new IllegalStateException("the descriptor is closed");
        }
        return current;
    }

    /** Whether {@link #close} has yet to be called. */
    public boolean isOpen() {
        return number != CLOSED;
    }

    /**
     * Reads at most {@code length} bytes into memory.
     *
     * @return bytes read; 0 if it would have to wait, or {@code length} is 0; -1 at the end of the stream
     */
    public int read(NativeMemory memory, long offset, int length) {
        long address = memory.address(offset, length);
        if (length == 0) {
            return 0;
        }
        long result;
        do {
            result = Libc.read(number(), address, length);
        } while (result == INTERRUPTED);
        return (int) received(result, "read", length);
    }

    /**
     * Writes at most {@code length} bytes from memory.
     *
     * @return bytes written; 0 if it would have to wait
     */
    public int write(NativeMemory memory, long offset, int length) {
        long address = memory.address(offset, length);
        long result;
        do {
            result = Libc.write(number(), address, length);
        } while (result == INTERRUPTED);
        return (int) sent(result, "write", length);
    }

    /**
     * Writes what {@code vector} names, as much as the descriptor takes, and takes it off the vector.
     *
     * @return bytes written; 0 if it would have to wait, or nothing is left
     */
    public long writeVector(IoVector vector) {
        if (vector.remainingBytes() == 0) {
            return 0;
        }
        long result;
        do {
            result = Libc.writev(number(), vector.firstAddress(), vector.count());
        } while (result == INTERRUPTED);
        long written = sent(result, "writev", vector.remainingBytes());
        vector.advance(written);
        return written;
    }

    /**
     * Reads into what {@code vector} names, as much as there is, and takes it off the vector.
     *
     * @return bytes read; 0 if it would have to wait, or nothing is left; -1 at the end of the stream
     */
    public long readVector(IoVector vector) {
        if (vector.remainingBytes() == 0) {
            return 0;
        }
        long result;
        do {
            result = Libc.readv(number(), vector.firstAddress(), vector.count());
        } while (result == INTERRUPTED);
        long read = received(result, "readv", vector.remainingBytes());
        if (read > 0) {
            vector.advance(read);
        }
        return read;
    }

    /**
     * Ends a connection in both directions: whoever reads at either end sees the end of the stream, whoever waits wakes
     * up. Harmless if the connection is gone already. Only for sockets.
     */
    public void shutdown() {
        shutdown(LibcConstants.SHUT_RDWR);
    }

    /**
     * Ends the direction from here to the peer, who reads what is under way and then the end of the stream. Only for
     * sockets.
     */
    public void shutdownOutput() {
        shutdown(LibcConstants.SHUT_WR);
    }

    private void shutdown(int how) {
        int result = SocketCalls.shutdown(number(), how);
        if (result < 0 && result != -Errno.ENOTCONN.number()) {
            throw NativeException.of("shutdown", result, toString());
        }
    }

    /**
     * Takes the exclusive lock on the open file (flock(2)), unless another open file holds it. The lock ends with
     * {@link #unlock}, and when the last copy of this descriptor is closed, also by the death of the process.
     */
    public boolean tryLockExclusive() {
        return tryLock(LibcConstants.LOCK_EX, "LOCK_EX");
    }

    /** Takes the lock as {@link #tryLockExclusive}, but beside any number of others who take it in this way. */
    public boolean tryLockShared() {
        return tryLock(LibcConstants.LOCK_SH, "LOCK_SH");
    }

    private boolean tryLock(int operation, String name) {
        int result = flock(operation | LibcConstants.LOCK_NB);
        if (result < 0 && result != AGAIN) {
            throw NativeException.of("flock", result, this + ", " + name + " | LOCK_NB");
        }
        return result >= 0;
    }

    /** Gives the lock back. Harmless without a lock. */
    public void unlock() {
        int result = flock(LibcConstants.LOCK_UN);
        if (result < 0) {
            throw NativeException.of("flock", result, this + ", LOCK_UN");
        }
    }

    private int flock(int operation) {
        int result;
        do {
            result = Libc.flock(number(), operation);
        } while (result == INTERRUPTED);
        return result;
    }

    /** Bytes that can be read without waiting (FIONREAD). */
    public int availableBytes() {
        MemorySegment count = ThreadScratch.segment();
        int result = Libc.ioctl(number(), LibcConstants.FIONREAD, count);
        if (result < 0) {
            throw NativeException.of("ioctl(FIONREAD)", result, toString());
        }
        return count.get(JAVA_INT, 0);
    }

    /**
     * Closes the descriptor. Harmless when repeated, and then it returns at once, even while the first close hangs. An
     * error of close(2) is not reported: the number is gone all the same.
     */
    @Override
    public void close() {
        int last;
        synchronized (this) {
            last = number;
            number = CLOSED;
        }
        if (last != CLOSED) {
            int _ = Libc.close(last);
        }
    }

    @Override
    public String toString() {
        int current = number;
        return current == CLOSED ? "fd closed" : "fd " + current;
    }

    private long received(long result, String call, long length) {
        if (result > 0) {
            return result;
        }
        if (result == 0) {
            return -1;
        }
        return sent(result, call, length);
    }

    private long sent(long result, String call, long length) {
        if (result >= 0) {
            return result;
        }
        if (result == AGAIN) {
            return 0;
        }
        throw NativeException.of(call, result, this + ", " + length + " bytes");
    }

    private static int control(int number, int command, long argument) {
        int result = Libc.fcntl(number, command, argument);
        if (result < 0) {
            throw NativeException.of("fcntl", result, "fd " + number + ", command " + command);
        }
        return result;
    }
}
