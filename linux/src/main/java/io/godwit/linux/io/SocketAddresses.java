// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.io;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import io.godwit.linux.ffi.LibcConstants;
import io.godwit.linux.ffi.LibcStructs;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import java.net.UnknownHostException;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/** Socket addresses between Java's types and the kernel's structures. */
final class SocketAddresses {
    /** Room for any of the structures. */
    static final long MAXIMUM_BYTES = LibcStructs.SOCKADDR_UN.byteSize();

    private static final ValueLayout.OfShort PORT = JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
    private static final StructLayout IN = LibcStructs.SOCKADDR_IN;
    private static final StructLayout IN6 = LibcStructs.SOCKADDR_IN6;
    private static final StructLayout UN = LibcStructs.SOCKADDR_UN;
    private static final long PATH = LibcStructs.offset(UN, "sun_path");
    private static final int IPV6_BYTES = 16;

    private SocketAddresses() {}

    /** The address family of {@code address}. */
    static int family(SocketAddress address) {
        return switch (address) {
            case UnixDomainSocketAddress _ -> LibcConstants.AF_UNIX;
            case InetSocketAddress inet when resolved(inet) instanceof Inet6Address -> LibcConstants.AF_INET6;
            case InetSocketAddress _ -> LibcConstants.AF_INET;
            default -> throw new IllegalArgumentException("neither an internet nor a unix socket address: " + address);
        };
    }

    /** The kernel's structure for {@code address}; its byte size is the length to pass. */
    static MemorySegment encode(SocketAddress address, Arena arena) {
        return switch (address) {
            case UnixDomainSocketAddress unix -> encodeUnix(unix, arena);
            case InetSocketAddress inet
            when resolved(inet) instanceof Inet6Address ip -> encodeIpv6(ip, inet.getPort(), arena);
            case InetSocketAddress inet -> encodeIpv4(resolved(inet), inet.getPort(), arena);
            default -> throw new IllegalArgumentException("neither an internet nor a unix socket address: " + address);
        };
    }

    private static MemorySegment encodeUnix(UnixDomainSocketAddress unix, Arena arena) {
        byte[] path = unix.getPath().toString().getBytes(StandardCharsets.UTF_8);
        if (path.length == 0 || path.length >= UN.byteSize() - PATH) {
            throw new IllegalArgumentException(
                    "a unix socket path has 1 to %d bytes, but '%s' has %d: use a shorter directory"
                            .formatted(UN.byteSize() - PATH - 1, unix.getPath(), path.length));
        }
        MemorySegment struct = arena.allocate(UN);
        struct.set(JAVA_SHORT, 0, (short) LibcConstants.AF_UNIX);
        MemorySegment.copy(path, 0, struct, JAVA_BYTE, PATH, path.length);
        return struct.asSlice(0, PATH + path.length + 1);
    }

    private static MemorySegment encodeIpv4(InetAddress ip, int port, Arena arena) {
        MemorySegment struct = arena.allocate(IN);
        struct.set(JAVA_SHORT, 0, (short) LibcConstants.AF_INET);
        struct.set(PORT, LibcStructs.offset(IN, "sin_port"), (short) port);
        byte[] bytes = ip.getAddress();
        MemorySegment.copy(bytes, 0, struct, JAVA_BYTE, LibcStructs.offset(IN, "sin_addr"), bytes.length);
        return struct;
    }

    private static MemorySegment encodeIpv6(Inet6Address ip, int port, Arena arena) {
        MemorySegment struct = arena.allocate(IN6);
        struct.set(JAVA_SHORT, 0, (short) LibcConstants.AF_INET6);
        struct.set(PORT, LibcStructs.offset(IN6, "sin6_port"), (short) port);
        struct.set(JAVA_INT, LibcStructs.offset(IN6, "sin6_scope_id"), ip.getScopeId());
        MemorySegment.copy(ip.getAddress(), 0, struct, JAVA_BYTE, LibcStructs.offset(IN6, "sin6_addr"), IPV6_BYTES);
        return struct;
    }

    private static InetAddress resolved(InetSocketAddress inet) {
        InetAddress ip = inet.getAddress();
        if (ip == null) {
            throw new IllegalArgumentException("no address is known for host '" + inet.getHostString() + "'");
        }
        return ip;
    }

    /** The Java address in a structure that the kernel filled with {@code byteLength} bytes. */
    static SocketAddress decode(MemorySegment struct, int byteLength) {
        int family = struct.get(JAVA_SHORT, 0);
        return switch (family) {
            case LibcConstants.AF_UNIX -> UnixDomainSocketAddress.of(byteLength <= PATH ? "" : struct.getString(PATH));
            case LibcConstants.AF_INET ->
                decodeInternet(
                        struct, LibcStructs.offset(IN, "sin_addr"), Integer.BYTES, LibcStructs.offset(IN, "sin_port"));
            case LibcConstants.AF_INET6 ->
                decodeInternet(
                        struct, LibcStructs.offset(IN6, "sin6_addr"), IPV6_BYTES, LibcStructs.offset(IN6, "sin6_port"));
            default -> throw new IllegalStateException("the kernel returned a socket address of family " + family);
        };
    }

    private static InetSocketAddress decodeInternet(
            MemorySegment struct, long addressOffset, int byteLength, long portOffset) {
        byte[] bytes = struct.asSlice(addressOffset, byteLength).toArray(JAVA_BYTE);
        try {
            return new InetSocketAddress(
                    InetAddress.getByAddress(bytes), Short.toUnsignedInt(struct.get(PORT, portOffset)));
        } catch (UnknownHostException impossible) {
            throw new AssertionError("4 or 16 bytes are an address", impossible);
        }
    }
}
