// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.ffi;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * Sockets of the C library. Each method returns what the function returns, or {@code -errno}. Addresses point at
 * structures of the given length that stay alive during the call.
 */
public final class SocketCalls {
    private static final MethodHandle SOCKET = Downcall.link("socket", 3);
    private static final MethodHandle BIND = Downcall.link("bind", 3);
    private static final MethodHandle LISTEN = Downcall.link("listen", 2);
    private static final MethodHandle CONNECT = Downcall.link("connect", 3);
    private static final MethodHandle ACCEPT4 = Downcall.link("accept4", 4);
    private static final MethodHandle GETSOCKNAME = Downcall.link("getsockname", 3);
    private static final MethodHandle GETPEERNAME = Downcall.link("getpeername", 3);
    private static final MethodHandle GETSOCKOPT = Downcall.link("getsockopt", 5);
    private static final MethodHandle SETSOCKOPT = Downcall.link("setsockopt", 5);
    private static final MethodHandle SHUTDOWN = Downcall.link("shutdown", 2);
    private static final MethodHandle SENDMSG = Downcall.link("sendmsg", 3);
    private static final MethodHandle RECVMSG = Downcall.link("recvmsg", 3);
    private static final MethodHandle SOCKETPAIR = Downcall.link("socketpair", 4);

    private SocketCalls() {}

    /** socket(2). */
    public static int socket(int family, int type, int protocol) {
        MemorySegment slot = Downcall.slot();
        try {
            return Downcall.outcome(
                    (int) (long) SOCKET.invokeExact(slot, (long) family, (long) type, (long) protocol), slot);
        } catch (Throwable thrown) {
            throw Downcall.broken("socket", thrown);
        }
    }

    /** bind(2). */
    public static int bind(int fd, long address, int length) {
        MemorySegment slot = Downcall.slot();
        try {
            return Downcall.outcome((int) (long) BIND.invokeExact(slot, (long) fd, address, (long) length), slot);
        } catch (Throwable thrown) {
            throw Downcall.broken("bind", thrown);
        }
    }

    /** listen(2). */
    public static int listen(int fd, int backlog) {
        MemorySegment slot = Downcall.slot();
        try {
            return Downcall.outcome((int) (long) LISTEN.invokeExact(slot, (long) fd, (long) backlog), slot);
        } catch (Throwable thrown) {
            throw Downcall.broken("listen", thrown);
        }
    }

    /** connect(2). */
    public static int connect(int fd, long address, int length) {
        MemorySegment slot = Downcall.slot();
        try {
            return Downcall.outcome((int) (long) CONNECT.invokeExact(slot, (long) fd, address, (long) length), slot);
        } catch (Throwable thrown) {
            throw Downcall.broken("connect", thrown);
        }
    }

    /** accept4(2); both addresses may be 0. */
    public static int accept4(int fd, long address, long length, int flags) {
        MemorySegment slot = Downcall.slot();
        try {
            return Downcall.outcome(
                    (int) (long) ACCEPT4.invokeExact(slot, (long) fd, address, length, (long) flags), slot);
        } catch (Throwable thrown) {
            throw Downcall.broken("accept4", thrown);
        }
    }

    /** getsockname(2); {@code length} points at an int, in and out. */
    public static int getsockname(int fd, long address, long length) {
        MemorySegment slot = Downcall.slot();
        try {
            return Downcall.outcome((int) (long) GETSOCKNAME.invokeExact(slot, (long) fd, address, length), slot);
        } catch (Throwable thrown) {
            throw Downcall.broken("getsockname", thrown);
        }
    }

    /** getpeername(2); {@code length} points at an int, in and out. */
    public static int getpeername(int fd, long address, long length) {
        MemorySegment slot = Downcall.slot();
        try {
            return Downcall.outcome((int) (long) GETPEERNAME.invokeExact(slot, (long) fd, address, length), slot);
        } catch (Throwable thrown) {
            throw Downcall.broken("getpeername", thrown);
        }
    }

    /** getsockopt(2); {@code length} points at an int, in and out. */
    public static int getsockopt(int fd, int level, int option, long value, long length) {
        MemorySegment slot = Downcall.slot();
        try {
            return Downcall.outcome(
                    (int) (long) GETSOCKOPT.invokeExact(slot, (long) fd, (long) level, (long) option, value, length),
                    slot);
        } catch (Throwable thrown) {
            throw Downcall.broken("getsockopt", thrown);
        }
    }

    /** setsockopt(2). */
    public static int setsockopt(int fd, int level, int option, long value, int length) {
        MemorySegment slot = Downcall.slot();
        try {
            return Downcall.outcome(
                    (int) (long)
                            SETSOCKOPT.invokeExact(slot, (long) fd, (long) level, (long) option, value, (long) length),
                    slot);
        } catch (Throwable thrown) {
            throw Downcall.broken("setsockopt", thrown);
        }
    }

    /** shutdown(2). */
    public static int shutdown(int fd, int how) {
        MemorySegment slot = Downcall.slot();
        try {
            return Downcall.outcome((int) (long) SHUTDOWN.invokeExact(slot, (long) fd, (long) how), slot);
        } catch (Throwable thrown) {
            throw Downcall.broken("shutdown", thrown);
        }
    }

    /** sendmsg(2). */
    public static long sendmsg(int fd, long message, int flags) {
        MemorySegment slot = Downcall.slot();
        try {
            return Downcall.outcome((long) SENDMSG.invokeExact(slot, (long) fd, message, (long) flags), slot);
        } catch (Throwable thrown) {
            throw Downcall.broken("sendmsg", thrown);
        }
    }

    /** recvmsg(2). */
    public static long recvmsg(int fd, long message, int flags) {
        MemorySegment slot = Downcall.slot();
        try {
            return Downcall.outcome((long) RECVMSG.invokeExact(slot, (long) fd, message, (long) flags), slot);
        } catch (Throwable thrown) {
            throw Downcall.broken("recvmsg", thrown);
        }
    }

    /** socketpair(2); {@code pair} points at two ints. */
    public static int socketpair(int family, int type, int protocol, long pair) {
        MemorySegment slot = Downcall.slot();
        try {
            return Downcall.outcome(
                    (int) (long) SOCKETPAIR.invokeExact(slot, (long) family, (long) type, (long) protocol, pair), slot);
        } catch (Throwable thrown) {
            throw Downcall.broken("socketpair", thrown);
        }
    }
}
