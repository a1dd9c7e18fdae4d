// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.guest;

import io.godwit.engine.memory.RamBlock;
import io.godwit.linux.NativeException;
import io.godwit.linux.memory.Advice;
import io.godwit.linux.memory.HugePageSize;
import io.godwit.linux.memory.NativeMemory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** The host's pages that back guest RAM: the unit in which it appears and goes. */
public enum HostPages {
    /** Ordinary ones of 4 KiB, which the kernel may join to transparent huge pages. */
    ORDINARY(RamBlock.PAGE_BYTES),
    /** Huge ones of 2 MiB, which the administrator has set aside (hugetlbfs). */
    HUGE_2M(2 << 20);

    private static final Path POOL = Path.of("/sys/kernel/mm/hugepages/hugepages-2048kB");

    private final int byteLength;

    HostPages(int byteLength) {
        this.byteLength = byteLength;
    }

    /** Bytes in a page. */
    public int byteLength() {
        return byteLength;
    }

    /**
     * The pages of a size.
     *
     * @throws IllegalArgumentException there are none of that size
     */
    public static HostPages ofByteLength(long byteLength) {
        for (HostPages pages : values()) {
            if (pages.byteLength == byteLength) {
                return pages;
            }
        }
        throw new IllegalArgumentException(
                "guest memory has pages of 4 KiB or of 2 MiB, not of " + byteLength + " bytes");
    }

    /**
     * Maps guest RAM, left out of core dumps and child processes.
     *
     * @param name shown in /proc/self/maps for huge pages
     * @throws UnsupportedOperationException there are too few huge pages; the message says how many are needed and what
     * to do
     */
    public NativeMemory map(String name, long memoryBytes) {
        NativeMemory memory = switch (this) {
            case ORDINARY -> NativeMemory.mapAnonymous(memoryBytes);
            case HUGE_2M -> mapHuge(name, memoryBytes);
        };
        memory.advise(0, memoryBytes, Advice.DONTFORK);
        memory.advise(0, memoryBytes, Advice.DONTDUMP);
        return memory;
    }

    private NativeMemory mapHuge(String name, long memoryBytes) {
        try {
            return NativeMemory.mapShared(name, memoryBytes, HugePageSize.TWO_MIB);
        } catch (NativeException failure) {
            throw new UnsupportedOperationException(refusal(memoryBytes / byteLength, failure), failure);
        }
    }

    private static String refusal(long needed, NativeException failure) {
        try {
            long all = number("nr_hugepages");
            long free = Math.max(0, number("free_hugepages") - number("resv_hugepages"));
            if (free < needed) {
                return ("Guest memory of %d MiB in huge pages needs %d pages of 2 MiB, and this host has %d free of %d:"
                                + " as root, write %d to /proc/sys/vm/nr_hugepages, or use ordinary pages.")
                        .formatted(2 * needed, needed, free, all, all + needed - free);
            }
        } catch (IOException | NumberFormatException e) {
            return "This kernel has no huge pages of 2 MiB (" + POOL + " cannot be read): use ordinary pages.";
        }
        return "Guest memory of %d huge pages of 2 MiB is not possible: %s".formatted(needed, failure.getMessage());
    }

    private static long number(String file) throws IOException {
        return Long.parseLong(Files.readString(POOL.resolve(file)).strip());
    }
}
