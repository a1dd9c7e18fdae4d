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
 * How the kernel schedules the calling platform thread. A wish, never a need: what the kernel does not take is logged
 * at debug level, and the thread goes on as it was. See sched_setattr(2) and sched(7).
 */
public final class Scheduling {
    /** The shortest that the kernel takes. */
    static final long SHORT_SLICE_NANOS = 100_000;

    private static final long BYTE_LENGTH = SchedulingNumbers.attributes().byteSize();
    private static final long SIZE = offset("size");
    private static final long POLICY = offset("sched_policy");
    private static final long NICE = offset("sched_nice");
    private static final long RUNTIME = offset("sched_runtime");
    private static final System.Logger LOG = System.getLogger(Scheduling.class.getName());

    private Scheduling() {}

    /**
     * For a thread that sleeps most of the time and that somebody waits for when it wakes: it gets no more of the
     * processors, but in pieces of a tenth of a millisecond, and for that it gets them sooner. No privilege is needed.
     * KERNEL: since Linux 6.12 a thread that wakes takes the place of one that runs in longer slices, if it has not had
     * more than its share; otherwise it waits for the next tick, 4 ms at 250 Hz, unless the other one yields. Older
     * kernels take the wish and do nothing. A thread that somebody has put under another policy stays there.
     *
     * @return whether the kernel took it
     */
    public static boolean answersAtOnce() {
        if (policy() != SchedulingNumbers.SCHED_NORMAL) {
            return false;
        }
        MemorySegment attributes = ThreadScratch.segment().asSlice(0, BYTE_LENGTH);
        attributes.fill((byte) 0);
        attributes.set(JAVA_INT, SIZE, (int) BYTE_LENGTH);
        attributes.set(JAVA_INT, POLICY, SchedulingNumbers.SCHED_NORMAL);
        attributes.set(JAVA_INT, NICE, nice());
        attributes.set(JAVA_LONG, RUNTIME, SHORT_SLICE_NANOS);
        long result = Libc.syscall(SchedulingNumbers.SYS_sched_setattr, 0, attributes.address(), 0);
        if (result < 0) {
            LOG.log(
                    System.Logger.Level.DEBUG,
                    "short slices for {0}: {1}",
                    Thread.currentThread().getName(),
                    Errno.of((int) -result));
        }
        return result >= 0;
    }

    /**
     * For a thread that moves much that nobody waits for: lets others have its processor now, and goes on at once if
     * there are none. KERNEL: a thread that woke after it had a little more than its share does not take a running
     * one's place, and is next looked at when that one yields or at the tick. See sched_yield(2).
     */
    @SuppressWarnings("ThreadPriorityCheck") // nothing is right or wrong by it, only late
    public static void giveWay() {
        Thread.yield();
    }

    /**
     * The calling thread's nice value, which the call would else change. KERNEL: getpriority counts from 40 for -20
     * down to 1.
     */
    static int nice() {
        long result = Libc.syscall(SchedulingNumbers.SYS_getpriority, 0, 0, 0);
        return result < 0 ? 0 : 20 - (int) result;
    }

    /** The calling thread's policy as the kernel numbers it, or a negative errno. */
    static int policy() {
        return (int) Libc.syscall(SchedulingNumbers.SYS_sched_getscheduler, 0, 0, 0);
    }

    private static long offset(String member) {
        return LibcStructs.offset(SchedulingNumbers.attributes(), member);
    }
}
