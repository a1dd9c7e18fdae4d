// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.process;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.godwit.linux.Errno;
import io.godwit.linux.NativeException;
import io.godwit.linux.ffi.LibcConstants;
import io.godwit.linux.ffi.LibcStructs;
import io.godwit.linux.ffi.ThreadCalls;
import io.godwit.linux.ffi.ThreadScratch;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * The platform thread as the kernel knows it. Methods without a thread id are about the calling thread, which has to be
 * a platform thread: a virtual one may be on another carrier at the next call.
 */
public final class Threads {
    /**
     * The signal that kicks a thread out of a blocking call: a real-time signal that neither the JVM nor glibc uses.
     */
    public static final int KICK_SIGNAL = 36;

    private static final long HANDLER = LibcStructs.offset(LibcStructs.SIGACTION, "sa_handler");
    private static final long FLAGS = LibcStructs.offset(LibcStructs.SIGACTION, "sa_flags");
    private static final int SIGNAL_SET_BYTES = 128;

    private Threads() {}

    /** The kernel's number of the calling thread. */
    public static int currentId() {
        return ThreadCalls.gettid();
    }

    /** The kernel's number of this process. */
    public static int processId() {
        return ThreadCalls.getpid();
    }

    /**
     * Makes {@link #KICK_SIGNAL} harmless for the whole process: it interrupts a call and does nothing else. Without
     * it, a kick ends the process. Harmless when repeated.
     */
    public static void installKickHandler() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment action = arena.allocate(LibcStructs.SIGACTION);
            // SAFETY: the handler is getpid, which takes no argument, is safe in a signal handler and leaves errno
            // alone.
            action.set(JAVA_LONG, HANDLER, ThreadCalls.harmlessHandler());
            action.set(JAVA_INT, FLAGS, LibcConstants.SA_RESTART);
            int result = ThreadCalls.sigaction(KICK_SIGNAL, action.address(), 0);
            if (result < 0) {
                throw NativeException.of("sigaction", result, "signal " + KICK_SIGNAL);
            }
        }
    }

    /**
     * Sends the kick to a thread of this process; {@link #installKickHandler} comes first. A kick that arrives before
     * the call it should end is lost, unless the signal is blocked until then. One that finds the queue of signals full
     * is not needed: kicks that nobody has taken yet are what fills it.
     *
     * @return false if there is no such thread any more
     */
    public static boolean kick(int threadId) {
        int result = ThreadCalls.tgkill(ThreadCalls.getpid(), threadId, KICK_SIGNAL);
        if (result < 0 && result != -Errno.ESRCH.number() && result != -Errno.EAGAIN.number()) {
            throw NativeException.of("tgkill", result, "thread " + threadId + ", signal " + KICK_SIGNAL);
        }
        return result != -Errno.ESRCH.number();
    }

    /**
     * Keeps kicks waiting for the calling thread, until {@link #unblockKicks} or a call with a signal mask of its own.
     */
    public static void blockKicks() {
        changeMask(LibcConstants.SIG_BLOCK);
    }

    /** Lets kicks through to the calling thread, also one that has been waiting. */
    public static void unblockKicks() {
        changeMask(LibcConstants.SIG_UNBLOCK);
    }

    private static void changeMask(int how) {
        MemorySegment set = ThreadScratch.segment().asSlice(0, SIGNAL_SET_BYTES);
        set.fill((byte) 0);
        set.set(JAVA_LONG, 0, kickBit());
        int result = ThreadCalls.pthreadSigmask(how, set.address(), 0);
        if (result < 0) {
            throw NativeException.of("pthread_sigmask", result, "how " + how + ", signal " + KICK_SIGNAL);
        }
    }

    /** The signals that the calling thread blocks, as the kernel's set of 64: bit n - 1 is signal n. */
    public static long signalMask() {
        MemorySegment set = ThreadScratch.segment();
        int result = ThreadCalls.pthreadSigmask(LibcConstants.SIG_BLOCK, 0, set.address());
        if (result < 0) {
            throw NativeException.of("pthread_sigmask", result, "to read the mask");
        }
        return set.get(JAVA_LONG, 0);
    }

    /** {@link #KICK_SIGNAL} in a set of signals. */
    public static long kickBit() {
        return 1L << (KICK_SIGNAL - 1);
    }

    /**
     * How late the kernel may wake the calling thread from a timed wait, to save power: 50,000 ns by default, 1 for a
     * thread that keeps a rhythm.
     */
    public static void timerSlackNanos(long nanos) {
        if (nanos < 1) {
            throw new IllegalArgumentException("timer slack is at least 1 ns, not " + nanos);
        }
        int result = ThreadCalls.prctl(LibcConstants.PR_SET_TIMERSLACK, nanos);
        if (result < 0) {
            throw NativeException.of("prctl(PR_SET_TIMERSLACK)", result, nanos + " ns");
        }
    }

    /** The calling thread's timer slack. */
    public static long timerSlackNanos() {
        int result = ThreadCalls.prctl(LibcConstants.PR_GET_TIMERSLACK, 0);
        if (result < 0) {
            throw NativeException.of("prctl(PR_GET_TIMERSLACK)", result, "");
        }
        return result;
    }
}
