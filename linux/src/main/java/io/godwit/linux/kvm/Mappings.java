// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.kvm;

import io.godwit.linux.ffi.Libc;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Memory that the kernel shares through a vCPU's descriptor. */
final class Mappings {
    private static final int PROT_READ_WRITE = 3;
    private static final int MAP_SHARED = 1;

    private Mappings() {}

    /** Maps {@code byteLength} bytes at {@code offset}; closing {@code arena} unmaps them. */
    @SuppressWarnings("restricted") // this module may: see its manifest
    static MemorySegment map(KvmDescriptor vcpu, long offset, long byteLength, Arena arena) {
        long address = Libc.mmap(0, byteLength, PROT_READ_WRITE, MAP_SHARED, vcpu.number(), offset);
        if (address < 0) {
            throw vcpu.failure("mmap", address, byteLength);
        }
        // SAFETY: the kernel mapped exactly these bytes, and they are unmapped only when the arena closes.
        return MemorySegment.ofAddress(address).reinterpret(byteLength, arena, segment -> {
            int _ = Libc.munmap(segment.address(), byteLength);
        });
    }
}
