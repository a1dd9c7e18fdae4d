// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.process;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.godwit.linux.Errno;
import io.godwit.linux.ffi.Libc;
import io.godwit.linux.ffi.LibcStructs;
import io.godwit.linux.ffi.SchedulingNumbers;
import io.godwit.linux.ffi.ThreadScratch;
import java.lang.foreign.MemorySegment;

/**
 * How the kernel schedules the calling platform thread. Wishes, never needs: what the kernel or our privilege does not allow is logged at
 * debug level, and the thread goes on as it was. See sched_setattr(2) and sched(7).
 */
public final class Scheduling {
    /** What a thread got. */
    public enum Outcome {
        /** Runs before all ordinary threads (SCHED_FIFO, lowest priority). Takes CAP_SYS_NICE or RLIMIT_RTPRIO. */
        REALTIME,
        /** An ordinary thread with short slices, so that its turn comes soon. Since Linux 6.12; older kernels take it and do nothing. */
        SHORT_SLICES,
        /** An ordinary thread that does not interrupt others when it wakes (SCHED_BATCH). */
        BATCH,
        /** As it was. */
        UNCHANGED
    }

    // The shortest that the kernel takes.
    private static final long SHORT_SLICE_NANOS = 100_000;

    /** Stands in what sched_getscheduler(2) returns. */
    private static final int RESET_ON_FORK = 0x40000000;

    private static final long BYTE_LENGTH = SchedulingNumbers.attributes().byteSize();
    private static final long SIZE = offset("size");
    private static final long POLICY = offset("sched_policy");
    private static final long FLAGS = offset("sched_flags");
    private static final long NICE = offset("sched_nice");
    private static final long PRIORITY = offset("sched_priority");
    private static final long RUNTIME = offset("sched_runtime");
    private static final System.Logger LOG = System.getLogger(Scheduling.class.getName());

    private Scheduling() {}

    /**
     * For a thread that mostly waits, and for which somebody waits while it runs: it runs at once when it wakes. Real-time where that
     * is allowed, short slices elsewhere. It must never compute for long.
     */
    public static Outcome preferLatency() {
        // Threads that this one starts are ordinary ones again.
        if (change(SchedulingNumbers.SCHED_FIFO, SchedulingNumbers.SCHED_FLAG_RESET_ON_FORK, 1, 0)) {
            return Outcome.REALTIME;
        }
        return shortSlices();
    }

    /** For a thread that may compute as long as it likes, and whose turn should come soon all the same: an ordinary thread's due, in small pieces. */
    public static Outcome shortSlices() {
        return change(SchedulingNumbers.SCHED_NORMAL, 0, 0, SHORT_SLICE_NANOS)
                ? Outcome.SHORT_SLICES
                : Outcome.UNCHANGED;
    }

    /** For a thread with a lot to do that nobody waits for. Its share of the processors stays what it was. */
    public static Outcome background() {
        return change(SchedulingNumbers.SCHED_BATCH, 0, 0, 0) ? Outcome.BATCH : Outcome.UNCHANGED;
    }

    private static boolean change(int policy, long flags, int priority, long runtimeNanos) {
        MemorySegment attributes = ThreadScratch.segment().asSlice(0, BYTE_LENGTH);
        attributes.fill((byte) 0);
        attributes.set(JAVA_INT, SIZE, (int) BYTE_LENGTH);
        attributes.set(JAVA_INT, POLICY, policy);
        attributes.set(JAVA_INT, NICE, nice());
        attributes.set(JAVA_LONG, FLAGS, flags);
        attributes.set(JAVA_INT, PRIORITY, priority);
        attributes.set(JAVA_LONG, RUNTIME, runtimeNanos);
        long result = Libc.syscall(SchedulingNumbers.SYS_sched_setattr, 0, attributes.address(), 0);
        if (result < 0) {
            LOG.log(
                    System.Logger.Level.DEBUG,
                    "sched_setattr of {0} to policy {1}: {2}",
                    Thread.currentThread().getName(),
                    policy,
                    Errno.of((int) -result));
        }
        return result >= 0;
    }

    /** The calling thread's nice value, which the call would else change: the kernel's getpriority counts from 40 for -20 down to 1. */
    private static int nice() {
        long result = Libc.syscall(SchedulingNumbers.SYS_getpriority, 0, 0, 0);
        return result < 0 ? 0 : 20 - (int) result;
    }

    /** The calling thread's policy as the kernel numbers it; or a negative errno. */
    static int policy() {
        return (int) Libc.syscall(SchedulingNumbers.SYS_sched_getscheduler, 0, 0, 0) & ~RESET_ON_FORK;
    }

    private static long offset(String member) {
        return LibcStructs.offset(SchedulingNumbers.attributes(), member);
    }
}
