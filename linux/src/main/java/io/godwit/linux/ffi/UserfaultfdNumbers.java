// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.ffi;

/**
 * Numbers of linux/userfaultfd.h under their own names. A test compiles each name that the installed header knows and
 * compares.
 */
public final class UserfaultfdNumbers {
    /** Of syscall(2) on x86-64. */
    public static final long SYS_userfaultfd = 323;

    public static final long USERFAULTFD_IOC_NEW = Ioctl.none(0xaa, 0);
    public static final int UFFD_USER_MODE_ONLY = 1;
    public static final long UFFD_API = 0xaa;

    public static final long UFFDIO_API =
            number("UFFDIO_API", 0xc018aa3fL, Ioctl.readWrite(0xaa, 0x3f, UserfaultfdStructs.UFFDIO_API));
    public static final long UFFDIO_REGISTER =
            number("UFFDIO_REGISTER", 0xc020aa00L, Ioctl.readWrite(0xaa, 0x00, UserfaultfdStructs.UFFDIO_REGISTER));
    public static final long UFFDIO_UNREGISTER =
            number("UFFDIO_UNREGISTER", 0x8010aa01L, Ioctl.read(0xaa, 0x01, UserfaultfdStructs.UFFDIO_RANGE));
    public static final long UFFDIO_WAKE =
            number("UFFDIO_WAKE", 0x8010aa02L, Ioctl.read(0xaa, 0x02, UserfaultfdStructs.UFFDIO_RANGE));
    public static final long UFFDIO_COPY =
            number("UFFDIO_COPY", 0xc028aa03L, Ioctl.readWrite(0xaa, 0x03, UserfaultfdStructs.UFFDIO_COPY));
    public static final long UFFDIO_ZEROPAGE =
            number("UFFDIO_ZEROPAGE", 0xc020aa04L, Ioctl.readWrite(0xaa, 0x04, UserfaultfdStructs.UFFDIO_ZEROPAGE));
    public static final long UFFDIO_WRITEPROTECT = number(
            "UFFDIO_WRITEPROTECT", 0xc018aa06L, Ioctl.readWrite(0xaa, 0x06, UserfaultfdStructs.UFFDIO_WRITEPROTECT));

    // Bit numbers in the ioctls that a registration offers.
    public static final int _UFFDIO_COPY = 0x03;
    public static final int _UFFDIO_ZEROPAGE = 0x04;
    public static final int _UFFDIO_WRITEPROTECT = 0x06;

    public static final long UFFDIO_REGISTER_MODE_MISSING = 1;
    public static final long UFFDIO_REGISTER_MODE_WP = 2;
    public static final long UFFDIO_COPY_MODE_DONTWAKE = 1;
    public static final long UFFDIO_COPY_MODE_WP = 2;
    public static final long UFFDIO_ZEROPAGE_MODE_DONTWAKE = 1;
    public static final long UFFDIO_WRITEPROTECT_MODE_WP = 1;

    public static final int UFFD_EVENT_PAGEFAULT = 0x12;
    public static final long UFFD_PAGEFAULT_FLAG_WRITE = 1;
    public static final long UFFD_PAGEFAULT_FLAG_WP = 2;

    public static final long UFFD_FEATURE_PAGEFAULT_FLAG_WP = 1;
    public static final long UFFD_FEATURE_MISSING_HUGETLBFS = 1 << 4;
    public static final long UFFD_FEATURE_MISSING_SHMEM = 1 << 5;
    public static final long UFFD_FEATURE_THREAD_ID = 1 << 8;
    public static final long UFFD_FEATURE_WP_HUGETLBFS_SHMEM = 1 << 12;
    public static final long UFFD_FEATURE_WP_UNPOPULATED = 1 << 13;
    public static final long UFFD_FEATURE_WP_ASYNC = 1 << 15;

    private UserfaultfdNumbers() {}

    private static long number(String name, long published, long computed) {
        return Ioctl.checked(name, published, computed);
    }
}
