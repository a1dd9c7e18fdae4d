// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.io;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import io.godwit.linux.Errno;
import io.godwit.linux.NativeException;
import io.godwit.linux.ffi.LibcConstants;
import io.godwit.linux.ffi.SocketCalls;
import io.godwit.linux.ffi.ThreadScratch;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;

/**
 * Stream sockets of tcp and unix, as {@link Descriptor}s. Addresses are {@link java.net.InetSocketAddress} (resolved)
 * or {@link UnixDomainSocketAddress}; others throw {@link IllegalArgumentException}.
 */
public final class Sockets {
    private static final int STREAM =
            LibcConstants.SOCK_STREAM | LibcConstants.SOCK_NONBLOCK | LibcConstants.SOCK_CLOEXEC;
    private static final long RETRY_NANOS = 1_000_000;

    /** Two sockets that are connected with each other. */
    public record Pair(Descriptor first, Descriptor second) implements AutoCloseable {
        @Override
        public void close() {
            first.close();
            second.close();
        }
    }

    private Sockets() {}

    /**
     * Connects to {@code address}.
     *
     * @throws NativeException nobody listens (ECONNREFUSED, ENOENT), or {@code timeout} passed (ETIMEDOUT)
     */
    public static Descriptor connect(SocketAddress address, Duration timeout) {
        try (EventSignal never = new EventSignal()) {
            return connect(address, timeout, never);
        }
    }

    /**
     * Connects to {@code address}, unless {@code stop} is raised first.
     *
     * @throws NativeException nobody listens (ECONNREFUSED, ENOENT), {@code timeout} passed (ETIMEDOUT), or {@code
     *     stop} was raised (ECANCELED)
     */
    public static Descriptor connect(SocketAddress address, Duration timeout, EventSignal stop) {
        long deadlineNanos = System.nanoTime() + timeout.toNanos();
        Descriptor socket = open(address);
        try (Arena arena = Arena.ofConfined()) {
            int result = connect(socket, SocketAddresses.encode(address, arena), deadlineNanos, stop);
            if (result == -Errno.EINPROGRESS.number() || result == -Errno.EINTR.number()) {
                result = awaitConnection(socket, deadlineNanos, stop);
            }
            if (result < 0) {
                throw NativeException.of("connect", result, address + ", time limit " + timeout);
            }
            return socket;
        } catch (RuntimeException | Error failure) {
            socket.close();
            throw failure;
        }
    }

    private static int connect(Descriptor socket, MemorySegment address, long deadlineNanos, EventSignal stop) {
        while (true) {
            int result = SocketCalls.connect(socket.number(), address.address(), (int) address.byteSize());
            // A unix socket whose queue of connections is full says EAGAIN and cannot be polled for room.
            if (result != -Errno.EAGAIN.number()) {
                return result;
            }
            if (stop.isRaised()) {
                return -Errno.ECANCELED.number();
            }
            if (System.nanoTime() - deadlineNanos >= 0) {
                return -Errno.ETIMEDOUT.number();
            }
            LockSupport.parkNanos(RETRY_NANOS);
        }
    }

    private static int awaitConnection(Descriptor socket, long deadlineNanos, EventSignal stop) {
        try (Polling polling = new Polling()) {
            return switch (polling.awaitWritable(socket, stop, Math.max(0, deadlineNanos - System.nanoTime()))) {
                case READY -> -option(socket, LibcConstants.SOL_SOCKET, LibcConstants.SO_ERROR);
                case TIMED_OUT -> -Errno.ETIMEDOUT.number();
                case STOPPED -> -Errno.ECANCELED.number();
            };
        }
    }

    /**
     * Listens on {@code address}; port 0 lets the kernel choose one, see {@link #localAddress}. The IPv6 address {@code
     * ::} stands for all addresses of IPv4, too. A unix socket's path must not exist, and outlives the descriptor: its
     * owner deletes it; see {@link UnixSocketFile}.
     *
     * @param backlog connections that wait to be accepted, before others are refused
     */
    public static Descriptor listen(SocketAddress address, int backlog) {
        Descriptor socket = open(address);
        try (Arena arena = Arena.ofConfined()) {
            if (!(address instanceof UnixDomainSocketAddress)) {
                option(socket, LibcConstants.SOL_SOCKET, LibcConstants.SO_REUSEADDR, 1);
            }
            if (SocketAddresses.family(address) == LibcConstants.AF_INET6) {
                option(socket, LibcConstants.IPPROTO_IPV6, LibcConstants.IPV6_V6ONLY, 0);
            }
            MemorySegment encoded = SocketAddresses.encode(address, arena);
            int bound = SocketCalls.bind(socket.number(), encoded.address(), (int) encoded.byteSize());
            if (bound < 0) {
                throw NativeException.of("bind", bound, address.toString());
            }
            int listening = SocketCalls.listen(socket.number(), backlog);
            if (listening < 0) {
                throw NativeException.of("listen", listening, address + ", backlog " + backlog);
            }
            return socket;
        } catch (RuntimeException | Error failure) {
            socket.close();
            throw failure;
        }
    }

    /** The next connection, if one is there; wait for it with {@link Polling#awaitReadable}. */
    public static Optional<Descriptor> accept(Descriptor listener) {
        while (true) {
            int number = SocketCalls.accept4(
                    listener.number(), 0, 0, LibcConstants.SOCK_NONBLOCK | LibcConstants.SOCK_CLOEXEC);
            if (number >= 0) {
                return Optional.of(Descriptor.ofNonBlocking(number));
            }
            switch (Errno.of(-number)) {
                // A connection that was given up before it was accepted is none.
                case EINTR, ECONNABORTED -> {}
                case EAGAIN -> {
                    return Optional.empty();
                }
                default -> throw NativeException.of("accept4", number, listener.toString());
            }
        }
    }

    /** Two connected unix sockets. */
    public static Pair pair() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment numbers = arena.allocate(JAVA_INT, 2);
            int result = SocketCalls.socketpair(LibcConstants.AF_UNIX, STREAM, 0, numbers.address());
            if (result < 0) {
                throw NativeException.of("socketpair", result, "AF_UNIX");
            }
            return new Pair(
                    Descriptor.ofNonBlocking(numbers.getAtIndex(JAVA_INT, 0)),
                    Descriptor.ofNonBlocking(numbers.getAtIndex(JAVA_INT, 1)));
        }
    }

    /** Whether a descriptor is a socket, and so goes both ways. */
    public static boolean isSocket(Descriptor descriptor) {
        try {
            SocketAddress _ = localAddress(descriptor);
            return true;
        } catch (NativeException e) {
            if (e.errno() == Errno.ENOTSOCK) {
                return false;
            }
            throw e;
        }
    }

    /** The address a socket is bound to; its port is the kernel's choice if 0 was asked for. */
    public static SocketAddress localAddress(Descriptor socket) {
        return address(socket, "getsockname");
    }

    /** The address of the socket at the other end. */
    public static SocketAddress peerAddress(Descriptor socket) {
        return address(socket, "getpeername");
    }

    /** The process at the other end of a unix socket, as it was when it connected; 0 if this one cannot see it. */
    public static int peerProcess(Descriptor socket) {
        try (Arena arena = Arena.ofConfined()) {
            // KERNEL: struct ucred of unix(7): process, user, group.
            MemorySegment credentials = arena.allocate(JAVA_INT, 3);
            MemorySegment length = arena.allocateFrom(JAVA_INT, (int) credentials.byteSize());
            int result = SocketCalls.getsockopt(
                    socket.number(),
                    LibcConstants.SOL_SOCKET,
                    LibcConstants.SO_PEERCRED,
                    credentials.address(),
                    length.address());
            if (result < 0) {
                throw NativeException.of("getsockopt(SO_PEERCRED)", result, socket.toString());
            }
            return credentials.getAtIndex(JAVA_INT, 0);
        }
    }

    private static SocketAddress address(Descriptor socket, String call) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment struct = arena.allocate(SocketAddresses.MAXIMUM_BYTES, Long.BYTES);
            MemorySegment length = arena.allocateFrom(JAVA_INT, (int) struct.byteSize());
            int result = call.equals("getsockname")
                    ? SocketCalls.getsockname(socket.number(), struct.address(), length.address())
                    : SocketCalls.getpeername(socket.number(), struct.address(), length.address());
            if (result < 0) {
                throw NativeException.of(call, result, socket.toString());
            }
            return SocketAddresses.decode(struct, length.get(JAVA_INT, 0));
        }
    }

    /** Whether small writes go out at once (TCP_NODELAY). */
    public static void noDelay(Descriptor socket, boolean enabled) {
        option(socket, LibcConstants.IPPROTO_TCP, LibcConstants.TCP_NODELAY, enabled ? 1 : 0);
    }

    /** Whether what arrives is acknowledged at once (TCP_QUICKACK); the kernel may fall back by itself. */
    public static void quickAck(Descriptor socket, boolean enabled) {
        option(socket, LibcConstants.IPPROTO_TCP, LibcConstants.TCP_QUICKACK, enabled ? 1 : 0);
    }

    /**
     * Asks a silent peer for a sign of life every {@code seconds}, and breaks the connection (ETIMEDOUT) when it has
     * failed to give three (SO_KEEPALIVE). For tcp: a machine that lost power says nothing, for ever.
     */
    public static void keepAlive(Descriptor socket, int seconds) {
        option(socket, LibcConstants.IPPROTO_TCP, LibcConstants.TCP_KEEPIDLE, seconds);
        option(socket, LibcConstants.IPPROTO_TCP, LibcConstants.TCP_KEEPINTVL, seconds);
        option(socket, LibcConstants.IPPROTO_TCP, LibcConstants.TCP_KEEPCNT, 3);
        option(socket, LibcConstants.SOL_SOCKET, LibcConstants.SO_KEEPALIVE, 1);
    }

    /** Asks for a send buffer of {@code byteLength} bytes (SO_SNDBUF); the kernel doubles it and has its own limits. */
    public static void sendBufferBytes(Descriptor socket, int byteLength) {
        option(socket, LibcConstants.SOL_SOCKET, LibcConstants.SO_SNDBUF, byteLength);
    }

    /**
     * Asks for a receive buffer of {@code byteLength} bytes (SO_RCVBUF); before connecting or listening, for large
     * windows.
     */
    public static void receiveBufferBytes(Descriptor socket, int byteLength) {
        option(socket, LibcConstants.SOL_SOCKET, LibcConstants.SO_RCVBUF, byteLength);
    }

    /** The send buffer the kernel granted, in bytes. */
    public static int sendBufferBytes(Descriptor socket) {
        return option(socket, LibcConstants.SOL_SOCKET, LibcConstants.SO_SNDBUF);
    }

    /** The receive buffer the kernel granted, in bytes. */
    public static int receiveBufferBytes(Descriptor socket) {
        return option(socket, LibcConstants.SOL_SOCKET, LibcConstants.SO_RCVBUF);
    }

    private static Descriptor open(SocketAddress address) {
        int number = SocketCalls.socket(SocketAddresses.family(address), STREAM, 0);
        if (number < 0) {
            throw NativeException.of("socket", number, "for " + address);
        }
        return Descriptor.ofNonBlocking(number);
    }

    private static void option(Descriptor socket, int level, int option, int value) {
        // Allocates nothing: TCP_QUICKACK is set after every read.
        MemorySegment number = ThreadScratch.segment();
        number.set(JAVA_INT, 0, value);
        int result = SocketCalls.setsockopt(socket.number(), level, option, number.address(), Integer.BYTES);
        if (result < 0) {
            throw NativeException.of(
                    "setsockopt", result, "%s, level %d, option %d, value %d".formatted(socket, level, option, value));
        }
    }

    private static int option(Descriptor socket, int level, int option) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment value = arena.allocate(JAVA_INT);
            MemorySegment length = arena.allocateFrom(JAVA_INT, Integer.BYTES);
            int result = SocketCalls.getsockopt(socket.number(), level, option, value.address(), length.address());
            if (result < 0) {
                throw NativeException.of(
                        "getsockopt", result, "%s, level %d, option %d".formatted(socket, level, option));
            }
            return value.get(JAVA_INT, 0);
        }
    }
}
