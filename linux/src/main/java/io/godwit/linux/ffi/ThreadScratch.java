// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.ffi;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * A little memory for each thread, for the small structure that one call takes. It belongs to the caller until it calls
 * anything else that uses it: fill, call, read, done.
 */
public final class ThreadScratch {
    /** Bytes in it. */
    public static final long BYTE_LENGTH = 256;

    // The automatic arena frees the memory when its thread is gone.
    private static final ThreadLocal<MemorySegment> SCRATCH =
            ThreadLocal.withInitial(() -> Arena.ofAuto().allocate(BYTE_LENGTH, Long.BYTES));

    private ThreadScratch() {}

    /** The calling thread's scratch; the same segment at each call, with whatever was left in it. */
    public static MemorySegment segment() {
        return SCRATCH.get();
    }
}
