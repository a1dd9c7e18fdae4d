// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.ffi;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.StructLayout;

/** What sched_setattr(2) takes, by the kernel's names (x86-64). A test compiles each name and compares. */
public final class SchedulingNumbers {
    public static final long SYS_sched_setattr = 314;
    public static final long SYS_sched_getscheduler = 145;
    public static final long SYS_getpriority = 140;

    public static final int SCHED_NORMAL = 0;

    /** How a thread is scheduled, in the length that every kernel since Linux 3.14 takes. */
    static final StructLayout SCHED_ATTR = MemoryLayout.structLayout(
                    JAVA_INT.withName("size"),
                    JAVA_INT.withName("sched_policy"),
                    JAVA_LONG.withName("sched_flags"),
                    JAVA_INT.withName("sched_nice"),
                    JAVA_INT.withName("sched_priority"),
                    JAVA_LONG.withName("sched_runtime"),
                    JAVA_LONG.withName("sched_deadline"),
                    JAVA_LONG.withName("sched_period"))
            .withName("sched_attr");

    private SchedulingNumbers() {}

    /** The layout of struct sched_attr up to {@code sched_period}. */
    public static StructLayout attributes() {
        return SCHED_ATTR;
    }
}
