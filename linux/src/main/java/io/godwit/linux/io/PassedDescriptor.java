// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.io;

import io.godwit.linux.NativeException;
import io.godwit.linux.ffi.Libc;
import io.godwit.linux.ffi.LibcConstants;

/**
 * An open descriptor that another process gave to this one and that nobody uses yet. It is closed on exec; whether it
 * blocks is left as it was, because the giver shares that. Any thread.
 */
public final class PassedDescriptor implements AutoCloseable {
    private static final int GONE = -1;

    private int number;

    private PassedDescriptor(int number) {
        this.number = number;
    }

    /** One that came over a socket. */
    static PassedDescriptor received(int number) {
        return new PassedDescriptor(number);
    }

    /**
     * One that this process was started with.
     *
     * @throws NativeException if no such descriptor is open (EBADF)
     */
    public static PassedDescriptor inherited(int number) {
        int result = Libc.fcntl(number, LibcConstants.F_SETFD, LibcConstants.FD_CLOEXEC);
        if (result < 0) {
            throw NativeException.of("fcntl", result, "fd " + number + ", F_SETFD");
        }
        return new PassedDescriptor(number);
    }

    /** Its number, which stays until it is closed or taken. */
    public synchronized int number() {
        if (number == GONE) {
            throw new IllegalStateException("the descriptor is gone");
        }
        return number;
    }

    /** Another descriptor for the same open file. */
    public synchronized PassedDescriptor duplicate() {
        int copy = Libc.fcntl(number(), LibcConstants.F_DUPFD_CLOEXEC, 0);
        if (copy < 0) {
            throw NativeException.of("fcntl", copy, "fd " + number + ", F_DUPFD_CLOEXEC");
        }
        return new PassedDescriptor(copy);
    }

    /** Gives it to who uses it from now on; it does not block any more. */
    public synchronized Descriptor take() {
        Descriptor descriptor = Descriptor.adopt(number());
        number = GONE;
        return descriptor;
    }

    /** Closes it, unless it was taken. Harmless when repeated. */
    @Override
    public synchronized void close() {
        if (number != GONE) {
            int _ = Libc.close(number);
            number = GONE;
        }
    }

    @Override
    public synchronized String toString() {
        return number == GONE ? "fd gone" : "fd " + number;
    }
}
