// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.kvm;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * A {@code struct kvm_msrs} with room to send any tail of it, since the kernel stops at the first register it refuses.
 */
final class MsrTable {
    private static final int HEADER = KvmLayouts.byteLength(KvmLayouts.MSRS);
    private static final int ENTRY = KvmLayouts.byteLength(KvmLayouts.MSR_ENTRY);

    // KERNEL: one request takes fewer than 256 registers (E2BIG).
    private static final int MAX_REQUEST = 128;

    private final MemorySegment table;
    private final int[] indices;

    MsrTable(Arena arena, int[] indices, long[] values) {
        if (indices.length != values.length) {
            throw new IllegalArgumentException(
                    "%d MSR numbers, but %d values".formatted(indices.length, values.length));
        }
        this.indices = indices;
        table = arena.allocate(HEADER + (long) indices.length * ENTRY, Long.BYTES);
        for (int i = 0; i < indices.length; i++) {
            table.set(JAVA_INT, entry(i), indices[i]);
            table.set(JAVA_LONG, entry(i) + 8, values[i]);
        }
    }

    /** Reads or writes all registers; tells which ones were refused. */
    boolean[] transfer(KvmDescriptor vcpu, String name, long request) {
        boolean[] refused = new boolean[indices.length];
        int next = 0;
        while (next < indices.length) {
            // The header of a tail overlays the entry before it, which is put back afterwards.
            long header = entry(next) - HEADER;
            long overlaid = table.get(JAVA_LONG, header);
            int wanted = Math.min(MAX_REQUEST, indices.length - next);
            table.set(JAVA_INT, header, wanted);
            table.set(JAVA_INT, header + 4, 0);
            long done;
            try {
                done = vcpu.request(name, request, table.address() + header);
            } finally {
                table.set(JAVA_LONG, header, overlaid);
            }
            next += (int) done;
            if (done < wanted) {
                refused[next++] = true;
            }
        }
        return refused;
    }

    MsrValues values(boolean[] refused) {
        int refusedCount = 0;
        for (boolean one : refused) {
            refusedCount += one ? 1 : 0;
        }
        int[] kept = new int[indices.length - refusedCount];
        long[] values = new long[kept.length];
        int[] left = new int[refusedCount];
        int keptIndex = 0;
        int leftIndex = 0;
        for (int i = 0; i < indices.length; i++) {
            if (refused[i]) {
                left[leftIndex++] = indices[i];
            } else {
                kept[keptIndex] = indices[i];
                values[keptIndex++] = table.get(JAVA_LONG, entry(i) + 8);
            }
        }
        return new MsrValues(kept, values, left);
    }

    private static long entry(int i) {
        return HEADER + (long) i * ENTRY;
    }
}
