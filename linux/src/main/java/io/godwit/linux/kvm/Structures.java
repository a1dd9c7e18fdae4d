// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.kvm;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.MemorySegment;

/** Copies between kernel structures and arrays. */
final class Structures {
    private Structures() {}

    static byte[] bytes(MemorySegment from, long offset, int byteLength) {
        return from.asSlice(offset, byteLength).toArray(JAVA_BYTE);
    }

    static void fill(MemorySegment to, long offset, byte[] from) {
        MemorySegment.copy(from, 0, to, JAVA_BYTE, offset, from.length);
    }
}
