// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.ffi;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.StructLayout;
import java.util.List;

/** Structures of linux/userfaultfd.h, in the machine's byte order, with the header's own names. */
public final class UserfaultfdStructs {
    /** The handshake: version and features asked for, features and requests offered. */
    public static final StructLayout UFFDIO_API = MemoryLayout.structLayout(
                    JAVA_LONG.withName("api"), JAVA_LONG.withName("features"), JAVA_LONG.withName("ioctls"))
            .withName("uffdio_api");

    /** A range of addresses. */
    public static final StructLayout UFFDIO_RANGE = MemoryLayout.structLayout(
                    JAVA_LONG.withName("start"), JAVA_LONG.withName("len"))
            .withName("uffdio_range");

    /** A range, what to watch there, and the requests the kernel offers for it. */
    public static final StructLayout UFFDIO_REGISTER = MemoryLayout.structLayout(
                    UFFDIO_RANGE.withName("range"), JAVA_LONG.withName("mode"), JAVA_LONG.withName("ioctls"))
            .withName("uffdio_register");

    /** A page to place: where, from where, how; and the bytes placed or {@code -errno}. */
    public static final StructLayout UFFDIO_COPY = MemoryLayout.structLayout(
                    JAVA_LONG.withName("dst"),
                    JAVA_LONG.withName("src"),
                    JAVA_LONG.withName("len"),
                    JAVA_LONG.withName("mode"),
                    JAVA_LONG.withName("copy"))
            .withName("uffdio_copy");

    /** A zero page to place; and the bytes placed or {@code -errno}. */
    public static final StructLayout UFFDIO_ZEROPAGE = MemoryLayout.structLayout(
                    UFFDIO_RANGE.withName("range"), JAVA_LONG.withName("mode"), JAVA_LONG.withName("zeropage"))
            .withName("uffdio_zeropage");

    /** A range to protect, or to free from protection. */
    public static final StructLayout UFFDIO_WRITEPROTECT = MemoryLayout.structLayout(
                    UFFDIO_RANGE.withName("range"), JAVA_LONG.withName("mode"))
            .withName("uffdio_writeprotect");

    /** An event, as read from the descriptor; the union's page-fault member spelled out. */
    public static final StructLayout UFFD_MSG = MemoryLayout.structLayout(
                    JAVA_BYTE.withName("event"),
                    MemoryLayout.paddingLayout(7),
                    JAVA_LONG.withName("arg.pagefault.flags"),
                    JAVA_LONG.withName("arg.pagefault.address"),
                    JAVA_INT.withName("arg.pagefault.feat.ptid"),
                    MemoryLayout.paddingLayout(4))
            .withName("uffd_msg");

    /** All of them, for the test that compares them with the header. */
    public static final List<StructLayout> ALL = List.of(
            UFFDIO_API, UFFDIO_RANGE, UFFDIO_REGISTER, UFFDIO_COPY, UFFDIO_ZEROPAGE, UFFDIO_WRITEPROTECT, UFFD_MSG);

    private UserfaultfdStructs() {}
}
