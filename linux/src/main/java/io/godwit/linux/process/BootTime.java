// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.process;

import io.godwit.linux.ffi.LibcConstants;

/** The clock that also counts the time in which the machine slept (CLOCK_BOOTTIME). */
public final class BootTime {
    private BootTime() {}

    /** Since the machine was started, in nanoseconds. */
    public static long nanos() {
        return CpuTime.nanos(LibcConstants.CLOCK_BOOTTIME);
    }
}
