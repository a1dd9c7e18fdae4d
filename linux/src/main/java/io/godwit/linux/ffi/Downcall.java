// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.ffi;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.invoke.MethodHandle;
import java.util.Collections;

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

    /**
     * A function with {@code count} arguments, all of them integers or addresses; its handle takes the errno slot and
     * then a long for each, and returns a long. A C function reads as much of each register as its prototype says, and
     * of the returned one only as much is valid. Linking is slow for each new combination of types, so all functions
     * share a few.
     */
    @SuppressWarnings("restricted")
    static MethodHandle link(String name, int count) {
        // SAFETY: count is that of the C prototype; tests call every function that is linked.
        return LINKER.downcallHandle(address(name), descriptor(count), CAPTURE_ERRNO);
    }

    /** A function whose arguments from {@code firstVariadic} on stand for the {@code ...} of its prototype. */
    @SuppressWarnings("restricted")
    static MethodHandle linkVariadic(String name, int count, int firstVariadic) {
        // SAFETY: as in link; variadic arguments may be passed in other ways, so the linker has to know them.
        return LINKER.downcallHandle(
                address(name), descriptor(count), CAPTURE_ERRNO, Linker.Option.firstVariadicArg(firstVariadic));
    }

    private static FunctionDescriptor descriptor(int count) {
        return FunctionDescriptor.of(
                JAVA_LONG, Collections.nCopies(count, JAVA_LONG).toArray(MemoryLayout[]::new));
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
