// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.ffi;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * Sockets of the C library. Each method returns what the function returns, or {@code -errno}. Addresses point at structures of
 * the given length that stay alive during the call.
 */
public final class SocketCalls {
    private static final MethodHandle SOCKET = Downcall.link("socket", JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT);
    private static final MethodHandle BIND = Downcall.link("bind", JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_INT);
    private static final MethodHandle LISTEN = Downcall.link("listen", JAVA_INT, JAVA_INT, JAVA_INT);
    private static final MethodHandle CONNECT = Downcall.link("connect", JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_INT);
    private static final MethodHandle ACCEPT4 =
            Downcall.link("accept4", JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_INT);
    private static final MethodHandle GETSOCKNAME =
            Downcall.link("getsockname", JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_LONG);
    private static final MethodHandle GETPEERNAME =
            Downcall.link("getpeername", JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_LONG);
    private static final MethodHandle GETSOCKOPT =
            Downcall.link("getsockopt", JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_LONG);
    private static final MethodHandle SETSOCKOPT =
            Downcall.link("setsockopt", JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_INT);
    private static final MethodHandle SHUTDOWN = Downcall.link("shutdown", JAVA_INT, JAVA_INT, JAVA_INT);
    private static final MethodHandle SOCKETPAIR =
            Downcall.link("socketpair", JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG);

    private SocketCalls() {}

    /** socket(2). */
    public static int socket(int family, int type, int protocol) {
        MemorySegment slot = Downcall.slot();
        try {
            return Downcall.outcome((int) SOCKET.invokeExact(slot, family, type, protocol), slot);
        } catch (Throwable thrown) {
            throw Downcall.broken("socket", thrown);
        }
    }

    /** bind(2). */
    public static int bind(int fd, long address, int length) {
        MemorySegment slot = Downcall.slot();
        try {
            return Downcall.outcome((int) BIND.invokeExact(slot, fd, address, length), slot);
        } catch (Throwable thrown) {
            throw Downcall.broken("bind", thrown);
        }
    }

    /** listen(2). */
    public static int listen(int fd, int backlog) {
        MemorySegment slot = Downcall.slot();
        try {
            return Downcall.outcome((int) LISTEN.invokeExact(slot, fd, backlog), slot);
        } catch (Throwable thrown) {
            throw Downcall.broken("listen", thrown);
        }
    }

    /** connect(2). */
    public static int connect(int fd, long address, int length) {
        MemorySegment slot = Downcall.slot();
        try {
            return Downcall.outcome((int) CONNECT.invokeExact(slot, fd, address, length), slot);
        } catch (Throwable thrown) {
            throw Downcall.broken("connect", thrown);
        }
    }

    /** accept4(2); both addresses may be 0. */
    public static int accept4(int fd, long address, long length, int flags) {
        MemorySegment slot = Downcall.slot();
        try {
            return Downcall.outcome((int) ACCEPT4.invokeExact(slot, fd, address, length, flags), slot);
        } catch (Throwable thrown) {
            throw Downcall.broken("accept4", thrown);
        }
    }

    /** getsockname(2); {@code length} points at an int, in and out. */
    public static int getsockname(int fd, long address, long length) {
        MemorySegment slot = Downcall.slot();
        try {
            return Downcall.outcome((int) GETSOCKNAME.invokeExact(slot, fd, address, length), slot);
        } catch (Throwable thrown) {
            throw Downcall.broken("getsockname", thrown);
        }
    }

    /** getpeername(2); {@code length} points at an int, in and out. */
    public static int getpeername(int fd, long address, long length) {
        MemorySegment slot = Downcall.slot();
        try {
            return Downcall.outcome((int) GETPEERNAME.invokeExact(slot, fd, address, length), slot);
        } catch (Throwable thrown) {
            throw Downcall.broken("getpeername", thrown);
        }
    }

    /** getsockopt(2); {@code length} points at an int, in and out. */
    public static int getsockopt(int fd, int level, int option, long value, long length) {
        MemorySegment slot = Downcall.slot();
        try {
            return Downcall.outcome((int) GETSOCKOPT.invokeExact(slot, fd, level, option, value, length), slot);
        } catch (Throwable thrown) {
            throw Downcall.broken("getsockopt", thrown);
        }
    }

    /** setsockopt(2). */
    public static int setsockopt(int fd, int level, int option, long value, int length) {
        MemorySegment slot = Downcall.slot();
        try {
            return Downcall.outcome((int) SETSOCKOPT.invokeExact(slot, fd, level, option, value, length), slot);
        } catch (Throwable thrown) {
            throw Downcall.broken("setsockopt", thrown);
        }
    }

    /** shutdown(2). */
    public static int shutdown(int fd, int how) {
        MemorySegment slot = Downcall.slot();
        try {
            return Downcall.outcome((int) SHUTDOWN.invokeExact(slot, fd, how), slot);
        } catch (Throwable thrown) {
            throw Downcall.broken("shutdown", thrown);
        }
    }

    /** socketpair(2); {@code pair} points at two ints. */
    public static int socketpair(int family, int type, int protocol, long pair) {
        MemorySegment slot = Downcall.slot();
        try {
            return Downcall.outcome((int) SOCKETPAIR.invokeExact(slot, family, type, protocol, pair), slot);
        } catch (Throwable thrown) {
            throw Downcall.broken("socketpair", thrown);
        }
    }
}
