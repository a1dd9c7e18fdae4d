// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.memory;

import io.godwit.linux.Errno;
import io.godwit.linux.NativeException;
import io.godwit.linux.ffi.Libc;
import io.godwit.linux.ffi.LibcConstants;
import io.godwit.linux.ffi.LibcStructs;
import io.godwit.linux.ffi.PagemapNumbers;
import java.util.Objects;

/**
 * Asks the kernel which pages of this process have been written (PAGEMAP_SCAN, Linux 6.7). The memory is registered
 * with a {@link Userfaultfd} of {@link Userfaultfd#WRITE_TRACKING} and was write-protected once; from then on each
 * harvest finds what was written since the one before, and protects it again in the same step, so that no write is lost
 * between the two.
 *
 * <p>Writes of the kernel count (system calls, KVM), and so do pages dropped from private memory by {@link
 * Advice#DONTNEED}. Not seen, and so to be marked by whoever does it: writes through another mapping of shared memory,
 * and holes made in it by {@link Advice#REMOVE} (measured on Linux 6.18).
 *
 * <p>For one thread; nothing is allocated after the constructor. A scan stops when its room for regions is used up: go
 * on at {@link #walkEnd}.
 */
public final class PagemapScan implements AutoCloseable {
    private static final String PAGEMAP = "/proc/self/pagemap";
    private static final long ARGUMENT_BYTES = PagemapNumbers.scanArgument().byteSize();
    private static final long REGION_BYTES = PagemapNumbers.region().byteSize();
    private static final long FLAGS = argument("flags");
    private static final long START = argument("start");
    private static final long END = argument("end");
    private static final long WALK_END = argument("walk_end");
    private static final long CATEGORY_MASK = argument("category_mask");
    private static final long ANY_OF_MASK = argument("category_anyof_mask");
    private static final long RETURN_MASK = argument("return_mask");
    private static final long REGION_END = LibcStructs.offset(PagemapNumbers.region(), "end");
    private static final long HARVEST = PagemapNumbers.PM_SCAN_WP_MATCHING | PagemapNumbers.PM_SCAN_CHECK_WPASYNC;

    private final int number;
    private final NativeMemory regions;
    private final NativeMemory argument;
    private int count;

    /**
     * A scanner with room for {@code regionCapacity} regions (24 bytes each), at least 1. A region is a run of adjacent
     * pages, so n pages need at most (n + 1) / 2.
     */
    public PagemapScan(int regionCapacity) {
        if (regionCapacity < 1) {
            throw new IllegalArgumentException("a scan needs room for at least 1 region, not " + regionCapacity);
        }
        number = Libc.open(PAGEMAP, LibcConstants.O_RDONLY | LibcConstants.O_CLOEXEC, 0);
        if (number < 0) {
            throw NativeException.of("open", number, PAGEMAP);
        }
        regions = NativeMemory.allocate(regionCapacity * REGION_BYTES);
        argument = NativeMemory.allocate(ARGUMENT_BYTES);
        argument.putLong(argument("size"), ARGUMENT_BYTES);
        argument.putLong(argument("vec"), regions.address());
        argument.putLong(argument("vec_len"), regionCapacity);
    }

    private static long argument(String member) {
        return LibcStructs.offset(PagemapNumbers.scanArgument(), member);
    }

    /** Whether this kernel can scan for written pages, and may for this process. */
    public static Support support() {
        Support tracking = Userfaultfd.support(Userfaultfd.WRITE_TRACKING, Userfaultfd.Faults.USER);
        if (tracking instanceof Support.Missing) {
            return tracking;
        }
        try (NativeMemory page = NativeMemory.allocate(NativeMemory.PAGE_BYTES);
                PagemapScan scan = new PagemapScan(1)) {
            scan.scanPopulated(page.address(), page.address() + page.byteLength());
            return new Support.Available();
        } catch (NativeException failure) {
            return new Support.Missing(
                    "PAGEMAP_SCAN does not work here (Linux 6.7 has it, and /proc has to be mounted): "
                            + failure.getMessage());
        }
    }

    /**
     * Finds the pages in [{@code start}, {@code end}) written since they were last protected, and protects them again,
     * in one step for each page. Both are addresses of page boundaries.
     *
     * @return how many regions were found
     * @throws NativeException EPERM: a part of the range is not registered for asynchronous write protection
     */
    public int scan(long start, long end) {
        return run(start, end, HARVEST, PagemapNumbers.PAGE_IS_WRITTEN, 0);
    }

    /** As {@link #scan}, but leaves the pages as they are: the next scan finds them too. */
    public int look(long start, long end) {
        return run(start, end, 0, PagemapNumbers.PAGE_IS_WRITTEN, 0);
    }

    /**
     * Finds the pages of private memory that exist, in RAM or swap. All others read as zero, and need not be read to
     * know it. Of shared memory it finds only what this process has touched.
     */
    public int scanPopulated(long start, long end) {
        return run(start, end, 0, 0, PagemapNumbers.PAGE_IS_PRESENT | PagemapNumbers.PAGE_IS_SWAPPED);
    }

    private int run(long start, long end, long flags, long allOf, long anyOf) {
        argument.putLong(FLAGS, flags);
        argument.putLong(START, start);
        argument.putLong(END, end);
        argument.putLong(CATEGORY_MASK, allOf);
        argument.putLong(ANY_OF_MASK, anyOf);
        // Regions of equal content merge, so only what was asked for may count as content.
        argument.putLong(RETURN_MASK, allOf);
        count = 0;
        int result;
        do {
            result = Libc.ioctl(number, PagemapNumbers.PAGEMAP_SCAN, argument.address());
        } while (result == -Errno.EINTR.number());
        if (result < 0) {
            throw NativeException.of(
                    "ioctl(PAGEMAP_SCAN)", result, "start 0x%x, end 0x%x, flags %d".formatted(start, end, flags));
        }
        count = result;
        return result;
    }

    /** How many regions the last scan found. */
    public int regionCount() {
        return count;
    }

    /** The address where region {@code index} of the last scan begins. */
    public long regionStart(int index) {
        return regions.getLong(Objects.checkIndex(index, count) * REGION_BYTES);
    }

    /** The address after the last byte of region {@code index}. */
    public long regionEnd(int index) {
        return regions.getLong(Objects.checkIndex(index, count) * REGION_BYTES + REGION_END);
    }

    /** The address up to which the last scan came; its {@code end} if it is complete. */
    public long walkEnd() {
        return argument.getLong(WALK_END);
    }

    /** Closes the scanner. Harmless when repeated. */
    @Override
    public void close() {
        if (regions.isOpen()) {
            int _ = Libc.close(number);
            regions.close();
            argument.close();
        }
    }
}
