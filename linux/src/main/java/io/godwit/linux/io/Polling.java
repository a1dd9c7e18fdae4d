// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.io;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import io.godwit.linux.Errno;
import io.godwit.linux.NativeException;
import io.godwit.linux.Pollable;
import io.godwit.linux.ffi.Libc;
import io.godwit.linux.ffi.LibcConstants;
import io.godwit.linux.ffi.LibcStructs;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * Waits until a descriptor is ready, a signal is raised, or time is up (ppoll(2)). One object for each waiting thread;
 * nothing is allocated after the constructor, but by a wait for more descriptors than in any before. The wait pins a
 * virtual thread: use platform threads.
 */
public final class Polling implements AutoCloseable {
    /** Why a wait ended. */
    public enum Outcome {
        /** The descriptor can be read or written, or has failed or ended: the next call on it tells. */
        READY,
        /** The stop signal is up; it goes before everything else. */
        STOPPED,
        /** Neither came in time. */
        TIMED_OUT
    }

    /** A time limit for waits that only the stop signal ends. */
    public static final long FOREVER_NANOS = Long.MAX_VALUE;

    private static final int NOT_USED = -1;
    private static final long NANOS_PER_SECOND = 1_000_000_000L;
    private static final long ENTRY_BYTES = LibcStructs.POLLFD.byteSize();
    private static final long NUMBER = LibcStructs.offset(LibcStructs.POLLFD, "fd");
    private static final long EVENTS = LibcStructs.offset(LibcStructs.POLLFD, "events");
    private static final long RETURNED = LibcStructs.offset(LibcStructs.POLLFD, "revents");
    private static final long SECONDS = LibcStructs.offset(LibcStructs.TIMESPEC, "tv_sec");
    private static final long NANOS = LibcStructs.offset(LibcStructs.TIMESPEC, "tv_nsec");

    private final Arena arena = Arena.ofShared();
    private final MemorySegment timeout = arena.allocate(LibcStructs.TIMESPEC);
    /** The signal, then descriptors. */
    private MemorySegment entries = arena.allocate(LibcStructs.POLLFD, 2);

    /** Room for one descriptor and one signal. */
    public Polling() {}

    /** Waits until {@code descriptor} has bytes, an end or an error to read, at most {@code timeoutNanos}. */
    public Outcome awaitReadable(Pollable descriptor, EventSignal stop, long timeoutNanos) {
        return await(descriptor.number(), LibcConstants.POLLIN, stop.number(), timeoutNanos);
    }

    /** Waits until {@code descriptor} takes bytes, or has failed, at most {@code timeoutNanos}. */
    public Outcome awaitWritable(Pollable descriptor, EventSignal stop, long timeoutNanos) {
        return await(descriptor.number(), LibcConstants.POLLOUT, stop.number(), timeoutNanos);
    }

    /** Waits for the signal alone: {@link Outcome#STOPPED} or {@link Outcome#TIMED_OUT}. */
    public Outcome awaitSignal(EventSignal stop, long timeoutNanos) {
        return await(NOT_USED, (short) 0, stop.number(), timeoutNanos);
    }

    /** Waits without a stop signal: to shut a socket down wakes who waits for it, too. */
    public Outcome awaitReadable(Pollable descriptor, long timeoutNanos) {
        return await(descriptor.number(), LibcConstants.POLLIN, NOT_USED, timeoutNanos);
    }

    /** Waits without a stop signal. */
    public Outcome awaitWritable(Pollable descriptor, long timeoutNanos) {
        return await(descriptor.number(), LibcConstants.POLLOUT, NOT_USED, timeoutNanos);
    }

    /** Waits until one of {@code descriptors} has bytes, an end or an error to read, at most {@code timeoutNanos}. */
    public Outcome awaitAnyReadable(List<? extends Pollable> descriptors, EventSignal stop, long timeoutNanos) {
        int count = descriptors.size();
        if (entries.byteSize() < ENTRY_BYTES * (count + 1)) {
            entries = arena.allocate(LibcStructs.POLLFD, 2L * count);
        }
        for (int i = 0; i < count; i++) {
            prepare(i + 1, descriptors.get(i).number(), LibcConstants.POLLIN);
        }
        return await(count, stop.number(), timeoutNanos);
    }

    private Outcome await(int number, short events, int stopNumber, long timeoutNanos) {
        prepare(1, number, events);
        return await(1, stopNumber, timeoutNanos);
    }

    private Outcome await(int count, int stopNumber, long timeoutNanos) {
        prepare(0, stopNumber, LibcConstants.POLLIN);
        long begin = System.nanoTime();
        while (true) {
            int result = poll(count + 1, timeoutNanos, begin);
            if (result == 0) {
                return Outcome.TIMED_OUT;
            }
            if (result > 0) {
                return outcome(count);
            }
            if (result != -Errno.EINTR.number()) {
                throw NativeException.of("ppoll", result, count + " descriptors, signal fd " + stopNumber);
            }
        }
    }

    private int poll(int entryCount, long timeoutNanos, long begin) {
        if (timeoutNanos == FOREVER_NANOS) {
            return Libc.ppoll(entries.address(), entryCount, 0, 0);
        }
        long left = Math.max(0, timeoutNanos - (System.nanoTime() - begin));
        timeout.set(JAVA_LONG, SECONDS, left / NANOS_PER_SECOND);
        timeout.set(JAVA_LONG, NANOS, left % NANOS_PER_SECOND);
        return Libc.ppoll(entries.address(), entryCount, timeout.address(), 0);
    }

    private void prepare(int index, int number, short events) {
        long entry = index * ENTRY_BYTES;
        entries.set(JAVA_INT, entry + NUMBER, number);
        entries.set(JAVA_SHORT, entry + EVENTS, events);
        entries.set(JAVA_SHORT, entry + RETURNED, (short) 0);
    }

    private Outcome outcome(int count) {
        for (int i = 0; i <= count; i++) {
            if ((returned(i) & LibcConstants.POLLNVAL) != 0) {
                throw new IllegalStateException(
                        "fd %d was closed while a thread waited for it: its owner has to stop the thread first"
                                .formatted(entries.get(JAVA_INT, i * ENTRY_BYTES + NUMBER)));
            }
        }
        return returned(0) != 0 ? Outcome.STOPPED : Outcome.READY;
    }

    private short returned(int index) {
        return entries.get(JAVA_SHORT, index * ENTRY_BYTES + RETURNED);
    }

    /** Frees the object's memory. Harmless when repeated. */
    @Override
    public void close() {
        if (arena.scope().isAlive()) {
            arena.close();
        }
    }
}
