// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.kvm;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;

/** The ring through which the kernel tells the pages that one vCPU dirtied. One harvesting thread. */
final class DirtyRing {
    private static final long RING_OFFSET = 64 * 4096L;
    private static final int ENTRY = KvmLayouts.byteLength(KvmLayouts.DIRTY_GFN);
    private static final int FLAG_DIRTY = 1;
    private static final int FLAG_RESET = 2;
    private static final VarHandle FLAGS = JAVA_INT.varHandle();

    private final MemorySegment entries;
    private final int entryCount;
    private int next;

    private DirtyRing(MemorySegment entries) {
        this.entries = entries;
        this.entryCount = (int) (entries.byteSize() / ENTRY);
    }

    static DirtyRing none() {
        return new DirtyRing(MemorySegment.NULL);
    }

    static DirtyRing map(KvmDescriptor vcpu, int byteLength, Arena arena) {
        return new DirtyRing(Mappings.map(vcpu, RING_OFFSET, byteLength, arena));
    }

    int harvest(int[] slots, long[] pages) {
        int count = 0;
        while (count < pages.length && entryCount > 0) {
            long at = (long) next * ENTRY;
            // ORDERING: acquire pairs with the kernel's release of the flag after it wrote slot and offset.
            if (((int) FLAGS.getAcquire(entries, at) & FLAG_DIRTY) == 0) {
                break;
            }
            slots[count] = entries.get(JAVA_INT, at + 4);
            pages[count] = entries.get(JAVA_LONG, at + 8);
            count++;
            // ORDERING: release, so that the kernel reuses the entry only after it was read.
            FLAGS.setRelease(entries, at, FLAG_RESET);
            next = (next + 1) % entryCount;
        }
        return count;
    }
}
