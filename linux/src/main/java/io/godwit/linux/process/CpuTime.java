// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.process;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.godwit.linux.NativeException;
import io.godwit.linux.ffi.LibcConstants;
import io.godwit.linux.ffi.LibcStructs;
import io.godwit.linux.ffi.ThreadCalls;
import io.godwit.linux.ffi.ThreadScratch;
import java.lang.foreign.MemorySegment;

/** Time that threads have spent on a processor, user and kernel together, in nanoseconds (clock_gettime(2)). */
public final class CpuTime {
    private static final long SECONDS = LibcStructs.offset(LibcStructs.TIMESPEC, "tv_sec");
    private static final long NANOS = LibcStructs.offset(LibcStructs.TIMESPEC, "tv_nsec");
    private static final long NANOS_PER_SECOND = 1_000_000_000L;

    // KERNEL: the clock of a thread is its id, inverted, over three bits that say "per thread" and "scheduler time".
    private static final int THREAD_SCHEDULER_CLOCK = 6;
    private static final int CLOCK_BITS = 3;

    private CpuTime() {}

    /** Of all threads of this process together, also those that have ended. */
    public static long processNanos() {
        return nanos(LibcConstants.CLOCK_PROCESS_CPUTIME_ID);
    }

    /** Of the calling platform thread. */
    public static long threadNanos() {
        return nanos(LibcConstants.CLOCK_THREAD_CPUTIME_ID);
    }

    /**
     * Of a thread of this process.
     *
     * @param threadId from {@link Threads#currentId}
     * @throws NativeException EINVAL: there is no such thread any more
     */
    public static long threadNanos(int threadId) {
        return nanos(~threadId << CLOCK_BITS | THREAD_SCHEDULER_CLOCK);
    }

    static long nanos(int clock) {
        MemorySegment time = ThreadScratch.segment();
        int result = ThreadCalls.clockGettime(clock, time.address());
        if (result < 0) {
            throw NativeException.of("clock_gettime", result, "clock " + clock);
        }
        return time.get(JAVA_LONG, SECONDS) * NANOS_PER_SECOND + time.get(JAVA_LONG, NANOS);
    }
}
