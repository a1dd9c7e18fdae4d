// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.io;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.godwit.linux.Errno;
import io.godwit.linux.NativeException;
import io.godwit.linux.Pollable;
import io.godwit.linux.ffi.Libc;
import io.godwit.linux.ffi.LibcConstants;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * A flag that a waiting thread can poll for (eventfd(2)): raised by any thread, it stays up until drained. Typical use:
 * telling the thread in {@link Polling} to stop.
 */
public final class EventSignal implements Pollable, AutoCloseable {
    private final int number;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment one;
    private final MemorySegment drained;
    private volatile boolean raised;
    private boolean closed;

    /** A signal that is not raised. */
    public EventSignal() {
        number = Libc.eventfd(0, LibcConstants.EFD_NONBLOCK | LibcConstants.EFD_CLOEXEC);
        if (number < 0) {
            throw NativeException.of("eventfd", number, "");
        }
        one = arena.allocateFrom(JAVA_LONG, 1L);
        drained = arena.allocate(JAVA_LONG);
    }

    /**
     * Raises the signal: every thread that polls it wakes up. Harmless when it is up already, and after {@link #close}.
     */
    public synchronized void raise() {
        if (closed) {
            return;
        }
        long result = Libc.write(number, one.address(), Long.BYTES);
        // EAGAIN: the counter is at its end, so the signal is up.
        if (result < 0 && result != -Errno.EAGAIN.number()) {
            throw NativeException.of("write", result, "eventfd " + number);
        }
        raised = true;
    }

    /** Takes the signal down. Harmless when it is down already. */
    public synchronized void drain() {
        checkOpen();
        raised = false;
        long result = Libc.read(number, drained.address(), Long.BYTES);
        if (result < 0 && result != -Errno.EAGAIN.number()) {
            throw NativeException.of("read", result, "eventfd " + number);
        }
    }

    /** Whether {@link #raise} was called since the last {@link #drain}. Costs a volatile read. */
    public boolean isRaised() {
        return raised;
    }

    /** The eventfd's number, for the kernel; what others write to it does not show in {@link #isRaised}. */
    @Override
    public synchronized int number() {
        checkOpen();
        return number;
    }

    private void checkOpen() {
        if (closed) {
            throw new IllegalStateException("the signal is closed");
        }
    }

    /** Closes the eventfd. Harmless when repeated. */
    @Override
    public synchronized void close() {
        if (!closed) {
            closed = true;
            int _ = Libc.close(number);
            arena.close();
        }
    }
}
