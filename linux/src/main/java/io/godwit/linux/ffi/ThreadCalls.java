// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.ffi;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/** Threads, signals and clocks of the C library. Each method returns what the function returns, or {@code -errno}. */
public final class ThreadCalls {
    private static final MethodHandle GETTID = Downcall.link("gettid", JAVA_INT);
    private static final MethodHandle GETPID = Downcall.link("getpid", JAVA_INT);
    private static final MethodHandle TGKILL = Downcall.link("tgkill", JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT);
    private static final MethodHandle SIGACTION = Downcall.link("sigaction", JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_LONG);
    private static final MethodHandle PRCTL = Downcall.linkVariadic("prctl", 1, JAVA_INT, JAVA_INT, JAVA_LONG);
    private static final MethodHandle CLOCK_GETTIME = Downcall.link("clock_gettime", JAVA_INT, JAVA_INT, JAVA_LONG);

    private static final MethodHandle PTHREAD_SIGMASK =
            Downcall.link("pthread_sigmask", JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_LONG);

    private ThreadCalls() {}

    /** gettid(2): the calling thread as the kernel numbers it. */
    public static int gettid() {
        MemorySegment slot = Downcall.slot();
        try {
            return Downcall.outcome((int) GETTID.invokeExact(slot), slot);
        } catch (Throwable thrown) {
            throw Downcall.broken("gettid", thrown);
        }
    }

    /** getpid(2). */
    public static int getpid() {
        MemorySegment slot = Downcall.slot();
        try {
            return Downcall.outcome((int) GETPID.invokeExact(slot), slot);
        } catch (Throwable thrown) {
            throw Downcall.broken("getpid", thrown);
        }
    }

    /** tgkill(2). */
    public static int tgkill(int processId, int threadId, int signal) {
        MemorySegment slot = Downcall.slot();
        try {
            return Downcall.outcome((int) TGKILL.invokeExact(slot, processId, threadId, signal), slot);
        } catch (Throwable thrown) {
            throw Downcall.broken("tgkill", thrown);
        }
    }

    /** sigaction(2); {@code oldAction} may be 0. */
    public static int sigaction(int signal, long action, long oldAction) {
        MemorySegment slot = Downcall.slot();
        try {
            return Downcall.outcome((int) SIGACTION.invokeExact(slot, signal, action, oldAction), slot);
        } catch (Throwable thrown) {
            throw Downcall.broken("sigaction", thrown);
        }
    }

    /** prctl(2) with one argument. */
    public static int prctl(int option, long argument) {
        MemorySegment slot = Downcall.slot();
        try {
            return Downcall.outcome((int) PRCTL.invokeExact(slot, option, argument), slot);
        } catch (Throwable thrown) {
            throw Downcall.broken("prctl", thrown);
        }
    }

    /** clock_gettime(2); {@code time} points at a struct timespec. */
    public static int clockGettime(int clock, long time) {
        MemorySegment slot = Downcall.slot();
        try {
            return Downcall.outcome((int) CLOCK_GETTIME.invokeExact(slot, clock, time), slot);
        } catch (Throwable thrown) {
            throw Downcall.broken("clock_gettime", thrown);
        }
    }

    /** pthread_sigmask(3), which returns its error instead of setting errno; here {@code -errno} as everywhere. */
    public static int pthreadSigmask(int how, long set, long oldSet) {
        MemorySegment slot = Downcall.slot();
        try {
            return -(int) PTHREAD_SIGMASK.invokeExact(slot, how, set, oldSet);
        } catch (Throwable thrown) {
            throw Downcall.broken("pthread_sigmask", thrown);
        }
    }

    /** The address of a function that takes a signal's number as argument and does nothing: getpid(2). */
    public static long harmlessHandler() {
        return Downcall.address("getpid").address();
    }
}
