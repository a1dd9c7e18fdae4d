// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.io;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import io.godwit.linux.NativeException;
import io.godwit.linux.ffi.Libc;
import io.godwit.linux.ffi.LibcConstants;
import io.godwit.linux.ffi.ThreadScratch;
import java.lang.foreign.MemorySegment;

/** Pipes (pipe(2)). */
public final class Pipes {
    /** Both ends of a pipe. */
    public record Pair(Descriptor readEnd, Descriptor writeEnd) implements AutoCloseable {
        @Override
        public void close() {
            readEnd.close();
            writeEnd.close();
        }
    }

    private Pipes() {}

    /** A new pipe, both ends in this process. */
    public static Pair pair() {
        MemorySegment numbers = ThreadScratch.segment();
        int result = Libc.pipe2(numbers.address(), LibcConstants.O_NONBLOCK | LibcConstants.O_CLOEXEC);
        if (result < 0) {
            throw NativeException.of("pipe2", result, "");
        }
        return new Pair(
                Descriptor.ofNonBlocking(numbers.getAtIndex(JAVA_INT, 0)),
                Descriptor.ofNonBlocking(numbers.getAtIndex(JAVA_INT, 1)));
    }

    /**
     * Asks for a pipe that holds {@code byteLength} bytes; the kernel rounds up, and refuses more than pipe-max-size
     * (EPERM).
     */
    public static void capacityBytes(Descriptor pipe, int byteLength) {
        int result = Libc.fcntl(pipe.number(), LibcConstants.F_SETPIPE_SZ, byteLength);
        if (result < 0) {
            throw NativeException.of("fcntl(F_SETPIPE_SZ)", result, pipe + ", " + byteLength + " bytes");
        }
    }
}
