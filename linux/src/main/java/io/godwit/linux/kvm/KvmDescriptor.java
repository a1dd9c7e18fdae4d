// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.kvm;

import io.godwit.linux.NativeException;
import io.godwit.linux.ffi.Libc;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicBoolean;

/** One KVM file descriptor with one owner. */
final class KvmDescriptor implements AutoCloseable {
    private final int number;
    private final String what;
    private final AtomicBoolean closed = new AtomicBoolean();

    KvmDescriptor(int number, String what) {
        this.number = number;
        this.what = what;
    }

    int number() {
        return number;
    }

    long request(String name, long request, long argument) {
        int result = Libc.ioctl(number, request, argument);
        if (result < 0) {
            throw failure(name, result, argument);
        }
        return result;
    }

    void request(String name, long request, MemorySegment argument) {
        int result = Libc.ioctl(number, request, argument);
        if (result < 0) {
            throw failure(name, result, argument.byteSize());
        }
    }

    NativeException failure(String name, long negativeErrno, long argument) {
        return NativeException.of(
                "ioctl(" + name + ")", negativeErrno, what + ", fd " + number + ", argument " + argument);
    }

    @Override
    public void close() {
        if (closed.compareAndSet(false, true)) {
            // Linux releases the number whatever close(2) says.
            int _ = Libc.close(number);
        }
    }
}
