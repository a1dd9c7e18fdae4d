// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.ffi;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.invoke.MethodHandle;

/** Links C functions with errno captured, and keeps the slot that errno is captured into, one for each thread. */
final class Downcall {
    private static final Linker LINKER = Linker.nativeLinker();
    private static final Linker.Option CAPTURE_ERRNO = Linker.Option.captureCallState("errno");
    private static final StructLayout CAPTURE_LAYOUT = Linker.Option.captureStateLayout();
    private static final long ERRNO_OFFSET = CAPTURE_LAYOUT.byteOffset(PathElement.groupElement("errno"));

    // The automatic arena frees the slot when its thread is gone; nobody could close another arena at that moment.
    private static final ThreadLocal<MemorySegment> SLOT =
            ThreadLocal.withInitial(() -> Arena.ofAuto().allocate(CAPTURE_LAYOUT));

    private Downcall() {}

    /** A function with a fixed argument list; its handle takes the errno slot first. */
    @SuppressWarnings("restricted")
    static MethodHandle link(String name, MemoryLayout result, MemoryLayout... arguments) {
        // SAFETY: the descriptor repeats the C prototype; tests call every function that is linked.
        return LINKER.downcallHandle(address(name), FunctionDescriptor.of(result, arguments), CAPTURE_ERRNO);
    }

    /** A function whose arguments from {@code firstVariadic} on stand for the {@code ...} of its prototype. */
    @SuppressWarnings("restricted")
    static MethodHandle linkVariadic(String name, int firstVariadic, MemoryLayout result, MemoryLayout... arguments) {
        // SAFETY: as in link; variadic arguments may be passed in other registers, so the linker has to know them.
        return LINKER.downcallHandle(
                address(name),
                FunctionDescriptor.of(result, arguments),
                CAPTURE_ERRNO,
                Linker.Option.firstVariadicArg(firstVariadic));
    }

    /** The address of a function of the C library. */
    static MemorySegment address(String name) {
        return LINKER.defaultLookup()
                .find(name)
                .orElseThrow(() -> new UnsatisfiedLinkError("the C library has no function " + name
                        + "; Godwit needs glibc 2.30 or later, or a C library of the same interface"));
    }

    /** The calling thread's errno slot; the same segment at each call. */
    static MemorySegment slot() {
        return SLOT.get();
    }

    /** {@code result}, or {@code -errno} when the call returned -1. */
    static int outcome(int result, MemorySegment slot) {
        return result == -1 ? -slot.get(JAVA_INT, ERRNO_OFFSET) : result;
    }

    /** {@code result}, or {@code -errno} when the call returned -1. */
    static long outcome(long result, MemorySegment slot) {
        return result == -1 ? -slot.get(JAVA_INT, ERRNO_OFFSET) : result;
    }

    /** Rethrows what a handle threw; a checked exception can only be a fault in the binding. */
    static AssertionError broken(String name, Throwable thrown) {
        switch (thrown) {
            case RuntimeException unchecked -> throw unchecked;
            case Error error -> throw error;
            default -> throw new AssertionError("binding of " + name, thrown);
        }
    }
}
