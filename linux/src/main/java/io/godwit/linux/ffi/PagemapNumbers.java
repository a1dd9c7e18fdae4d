// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.ffi;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.StructLayout;
import java.util.List;

/** Numbers and structures of PAGEMAP_SCAN in linux/fs.h (Linux 6.7), under their own names. */
public final class PagemapNumbers {
    private static final StructLayout SCAN_ARGUMENT = MemoryLayout.structLayout(
                    JAVA_LONG.withName("size"),
                    JAVA_LONG.withName("flags"),
                    JAVA_LONG.withName("start"),
                    JAVA_LONG.withName("end"),
                    JAVA_LONG.withName("walk_end"),
                    JAVA_LONG.withName("vec"),
                    JAVA_LONG.withName("vec_len"),
                    JAVA_LONG.withName("max_pages"),
                    JAVA_LONG.withName("category_inverted"),
                    JAVA_LONG.withName("category_mask"),
                    JAVA_LONG.withName("category_anyof_mask"),
                    JAVA_LONG.withName("return_mask"))
            .withName("pm_scan_arg");
    private static final StructLayout REGION = MemoryLayout.structLayout(
                    JAVA_LONG.withName("start"), JAVA_LONG.withName("end"), JAVA_LONG.withName("categories"))
            .withName("page_region");

    public static final long PAGEMAP_SCAN =
            Ioctl.checked("PAGEMAP_SCAN", 0xc0606610L, Ioctl.readWrite('f', 16, SCAN_ARGUMENT));
    public static final long PM_SCAN_WP_MATCHING = 1;
    public static final long PM_SCAN_CHECK_WPASYNC = 2;
    public static final long PAGE_IS_WRITTEN = 1 << 1;
    public static final long PAGE_IS_PRESENT = 1 << 3;
    public static final long PAGE_IS_SWAPPED = 1 << 4;

    private PagemapNumbers() {}

    /** The request's argument, {@code struct pm_scan_arg}. */
    public static StructLayout scanArgument() {
        return SCAN_ARGUMENT;
    }

    /** One range of the answer, {@code struct page_region}. */
    public static StructLayout region() {
        return REGION;
    }

    /** Both structures, for the test that compares them with the header. */
    public static List<StructLayout> structs() {
        return List.of(SCAN_ARGUMENT, REGION);
    }
}
