// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.ffi;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.StructLayout;
import java.util.List;

/**
 * Structures of the C library that this module fills or reads, in the machine's byte order, with the header's own
 * names. Ports and IPv4 addresses inside them are big-endian (network order) whatever the machine. A test compares
 * sizes and offsets with what a C compiler makes of the headers.
 */
public final class LibcStructs {
    /** One range of memory for readv(2) and writev(2). */
    public static final StructLayout IOVEC = MemoryLayout.structLayout(
                    JAVA_LONG.withName("iov_base"), JAVA_LONG.withName("iov_len"))
            .withName("iovec");

    /** One descriptor for ppoll(2). */
    public static final StructLayout POLLFD = MemoryLayout.structLayout(
                    JAVA_INT.withName("fd"), JAVA_SHORT.withName("events"), JAVA_SHORT.withName("revents"))
            .withName("pollfd");

    /** Seconds and nanoseconds. */
    public static final StructLayout TIMESPEC = MemoryLayout.structLayout(
                    JAVA_LONG.withName("tv_sec"), JAVA_LONG.withName("tv_nsec"))
            .withName("timespec");

    /** An IPv4 address with its port. */
    public static final StructLayout SOCKADDR_IN = MemoryLayout.structLayout(
                    JAVA_SHORT.withName("sin_family"),
                    JAVA_SHORT.withName("sin_port"),
                    JAVA_INT.withName("sin_addr"),
                    MemoryLayout.sequenceLayout(8, JAVA_BYTE).withName("sin_zero"))
            .withName("sockaddr_in");

    /** An IPv6 address with its port and scope. */
    public static final StructLayout SOCKADDR_IN6 = MemoryLayout.structLayout(
                    JAVA_SHORT.withName("sin6_family"),
                    JAVA_SHORT.withName("sin6_port"),
                    JAVA_INT.withName("sin6_flowinfo"),
                    MemoryLayout.sequenceLayout(16, JAVA_BYTE).withName("sin6_addr"),
                    JAVA_INT.withName("sin6_scope_id"))
            .withName("sockaddr_in6");

    /** A path in the file system, zero-terminated. */
    public static final StructLayout SOCKADDR_UN = MemoryLayout.structLayout(
                    JAVA_SHORT.withName("sun_family"),
                    MemoryLayout.sequenceLayout(108, JAVA_BYTE).withName("sun_path"))
            .withName("sockaddr_un");

    /** A message of a socket, with what comes beside its bytes. */
    public static final StructLayout MSGHDR = MemoryLayout.structLayout(
                    JAVA_LONG.withName("msg_name"),
                    JAVA_INT.withName("msg_namelen"),
                    MemoryLayout.paddingLayout(4),
                    JAVA_LONG.withName("msg_iov"),
                    JAVA_LONG.withName("msg_iovlen"),
                    JAVA_LONG.withName("msg_control"),
                    JAVA_LONG.withName("msg_controllen"),
                    JAVA_INT.withName("msg_flags"),
                    MemoryLayout.paddingLayout(4))
            .withName("msghdr");

    /** The head of something that comes beside a message; its data follow at once. */
    public static final StructLayout CMSGHDR = MemoryLayout.structLayout(
                    JAVA_LONG.withName("cmsg_len"), JAVA_INT.withName("cmsg_level"), JAVA_INT.withName("cmsg_type"))
            .withName("cmsghdr");

    /** What a signal does; glibc's structure, not the kernel's. */
    public static final StructLayout SIGACTION = MemoryLayout.structLayout(
                    JAVA_LONG.withName("sa_handler"),
                    MemoryLayout.sequenceLayout(16, JAVA_LONG).withName("sa_mask"),
                    JAVA_INT.withName("sa_flags"),
                    MemoryLayout.paddingLayout(4),
                    JAVA_LONG.withName("sa_restorer"))
            .withName("sigaction");

    /** All of them, for the test that compares them with the headers. */
    public static final List<StructLayout> ALL =
            List.of(IOVEC, POLLFD, TIMESPEC, SOCKADDR_IN, SOCKADDR_IN6, SOCKADDR_UN, MSGHDR, CMSGHDR, SIGACTION);

    private LibcStructs() {}

    /** The offset of {@code member} in bytes. */
    public static long offset(StructLayout struct, String member) {
        return struct.byteOffset(PathElement.groupElement(member));
    }
}
