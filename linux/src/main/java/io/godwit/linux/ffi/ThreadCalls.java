// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.ffi;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/** Threads, signals and clocks of the C library. Each method returns what the function returns, or {@code -errno}. */
public final class ThreadCalls {
    private static final MethodHandle GETTID = Downcall.link("gettid", 0);
    private static final MethodHandle GETPID = Downcall.link("getpid", 0);
    private static final MethodHandle TGKILL = Downcall.link("tgkill", 3);
    private static final MethodHandle SIGACTION = Downcall.link("sigaction", 3);
    private static final MethodHandle PRCTL = Downcall.linkVariadic("prctl", 2, 1);
    private static final MethodHandle CLOCK_GETTIME = Downcall.link("clock_gettime", 2);

    private static final MethodHandle PTHREAD_SIGMASK = Downcall.link("pthread_sigmask", 3);

    private ThreadCalls() {}

    /** gettid(2): the calling thread as the kernel numbers it. */
    public static int gettid() {
        MemorySegment slot = Downcall.slot();
        try {
            return Downcall.outcome((int) (long) GETTID.invokeExact(slot), slot);
        } catch (Throwable thrown) {
            throw Downcall.broken("gettid", thrown);
        }
    }

    /** getpid(2). */
    public static int getpid() {
        MemorySegment slot = Downcall.slot();
        try {
            return Downcall.outcome((int) (long) GETPID.invokeExact(slot), slot);
        } catch (Throwable thrown) {
            throw Downcall.broken("getpid", thrown);
        }
    }

    /** tgkill(2). */
    public static int tgkill(int processId, int threadId, int signal) {
        MemorySegment slot = Downcall.slot();
        try {
            return Downcall.outcome(
                    (int) (long) TGKILL.invokeExact(slot, (long) processId, (long) threadId, (long) signal), slot);
        } catch (Throwable thrown) {
            throw Downcall.broken("tgkill", thrown);
        }
    }

    /** sigaction(2); {@code oldAction} may be 0. */
    public static int sigaction(int signal, long action, long oldAction) {
        MemorySegment slot = Downcall.slot();
        try {
            return Downcall.outcome((int) (long) SIGACTION.invokeExact(slot, (long) signal, action, oldAction), slot);
        } catch (Throwable thrown) {
            throw Downcall.broken("sigaction", thrown);
        }
    }

    /** prctl(2) with one argument. */
    public static int prctl(int option, long argument) {
        MemorySegment slot = Downcall.slot();
        try {
            return Downcall.outcome((int) (long) PRCTL.invokeExact(slot, (long) option, argument), slot);
        } catch (Throwable thrown) {
            throw Downcall.broken("prctl", thrown);
        }
    }

    /** clock_gettime(2); {@code time} points at a struct timespec. */
    public static int clockGettime(int clock, long time) {
        MemorySegment slot = Downcall.slot();
        try {
            return Downcall.outcome((int) (long) CLOCK_GETTIME.invokeExact(slot, (long) clock, time), slot);
        } catch (Throwable thrown) {
            throw Downcall.broken("clock_gettime", thrown);
        }
    }

    /** pthread_sigmask(3), which returns its error instead of setting errno; here {@code -errno} as everywhere. */
    public static int pthreadSigmask(int how, long set, long oldSet) {
        MemorySegment slot = Downcall.slot();
        try {
            return -(int) (long) PTHREAD_SIGMASK.invokeExact(slot, (long) how, set, oldSet);
        } catch (Throwable thrown) {
            throw Downcall.broken("pthread_sigmask", thrown);
        }
    }

    /** The address of a function that takes a signal's number as argument and does nothing: getpid(2). */
    public static long harmlessHandler() {
        return Downcall.address("getpid").address();
    }
}
