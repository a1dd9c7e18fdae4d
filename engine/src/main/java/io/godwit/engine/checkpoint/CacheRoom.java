// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.checkpoint;

import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.memory.RamBlocks;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.linux.memory.Advice;
import io.godwit.linux.memory.AvailableMemory;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.linux.memory.Residency;
import java.util.function.LongFunction;

/**
 * Where the second copy of a guest's RAM finds room.
 *
 * @param available what the process can still take
 * @param allocator makes memory that costs nothing until it is touched
 */
record CacheRoom(AvailableMemory available, LongFunction<NativeMemory> allocator) {
    /** The machine's, now. */
    static CacheRoom ofThisHost() {
        return new CacheRoom(AvailableMemory.now(), CacheRoom::inHugePages);
    }

    /** With as few page table walks as in the guest's own memory; what nobody touches costs nothing all the same. */
    private static NativeMemory inHugePages(long byteLength) {
        NativeMemory memory = NativeMemory.mapAnonymous(byteLength);
        memory.advise(0, byteLength, Advice.HUGEPAGE);
        return memory;
    }

    /**
     * Says beforehand whether the copy fits, together with what the guest itself has yet to take.
     *
     * @throws MigrationException.Refused if it does not; nothing was allocated
     */
    void refuseUnlessEnough(RamBlocks.Snapshot ram) {
        long yetToCome = ram.blocks().stream().mapToLong(CacheRoom::yetToCome).sum();
        long needed = ram.totalBytes() + yetToCome;
        if (needed > available.bytes()) {
            throw new MigrationException.Refused(
                    ("A secondary keeps a second copy of its guest's RAM: %d MiB, and %d of the guest's own %1$d MiB"
                                    + " are not in memory yet. That is %d MiB, but %s has only %d MiB to give. Make"
                                    + " at least %d MiB free here, raise the limit, or take a host with more memory.")
                            .formatted(
                                    mebibytes(ram.totalBytes()),
                                    mebibytes(yetToCome),
                                    mebibytes(needed),
                                    available.source(),
                                    available.bytes() >> 20,
                                    mebibytes(needed - available.bytes())));
        }
    }

    /** Huge pages of hugetlbfs were set aside when they were mapped. */
    private static long yetToCome(RamBlock block) {
        return block.pageBytes() > RamBlock.PAGE_BYTES
                ? 0
                : Math.max(0, block.usedLength() - Residency.bytes(block.memory()));
    }

    private static long mebibytes(long bytes) {
        return (bytes + (1 << 20) - 1) >> 20;
    }
}
