// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.ffi;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HeaderTest {
    // Written out from the kernel's documentation for headers before Linux 6.7.
    private static final String PAGEMAP_OF_LINUX_6_7 = """
            #ifndef PAGEMAP_SCAN
            struct pm_scan_arg {
                __u64 size, flags, start, end, walk_end, vec, vec_len, max_pages;
                __u64 category_inverted, category_mask, category_anyof_mask, return_mask;
            };
            struct page_region { __u64 start, end, categories; };
            #define PAGEMAP_SCAN _IOWR('f', 16, struct pm_scan_arg)
            #endif
            """;

    @TempDir
    private Path directory;

    @Test
    void libcConstantsAndStructuresAreThoseOfTheHeaders() throws Exception {
        CProbe probe = new CProbe(
                        "fcntl.h",
                        "poll.h",
                        "signal.h",
                        "time.h",
                        "sys/eventfd.h",
                        "sys/file.h",
                        "sys/ioctl.h",
                        "sys/mman.h",
                        "sys/prctl.h",
                        "sys/socket.h",
                        "sys/uio.h",
                        "sys/un.h",
                        "linux/memfd.h",
                        "netinet/in.h",
                        "netinet/tcp.h")
                .macrosOf(LibcConstants.class);
        LibcStructs.ALL.forEach(probe::struct);
        assertThat(probe.verify(directory)).as("macros the headers lack").isEmpty();
    }

    @Test
    void userfaultfdNumbersAndStructuresAreThoseOfTheHeader() throws Exception {
        CProbe probe =
                new CProbe("sys/ioctl.h", "sys/syscall.h", "linux/userfaultfd.h").macrosOf(UserfaultfdNumbers.class);
        UserfaultfdStructs.ALL.forEach(probe::struct);
        Set<String> unknown = probe.verify(directory);
        assertThat(unknown)
                .as("only what is newer than Linux 5.19 may be unknown to the header")
                .isSubsetOf("USERFAULTFD_IOC_NEW", "UFFD_FEATURE_WP_UNPOPULATED", "UFFD_FEATURE_WP_ASYNC");
    }

    @Test
    void pagemapNumbersAndStructuresAreThoseOfTheHeader() throws Exception {
        CProbe probe = new CProbe("linux/types.h", "linux/fs.h", "sys/ioctl.h")
                .preamble(PAGEMAP_OF_LINUX_6_7)
                .macrosOf(PagemapNumbers.class);
        PagemapNumbers.structs().forEach(probe::struct);
        assertThat(probe.verify(directory)).doesNotContain("PAGEMAP_SCAN");
    }

    @Test
    void schedulingNumbersAndTheStructureAreThoseOfTheHeaders() throws Exception {
        // The structure grew later, so its size is not compared.
        CProbe probe = new CProbe("sys/syscall.h", "linux/sched.h", "linux/sched/types.h")
                .macrosOf(SchedulingNumbers.class)
                .members(SchedulingNumbers.SCHED_ATTR);
        assertThat(probe.verify(directory)).as("macros the headers lack").isEmpty();
    }
}
