// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/**
 * Threads and processes as the kernel sees them: ids, the signal that kicks a vCPU out of KVM_RUN, timer slack, CPU
 * time.
 *
 * <p>Read {@link io.godwit.linux.process.Threads} first. Specification: gettid(2), tgkill(2), sigaction(2), prctl(2),
 * clock_gettime(2).
 */
@NullMarked
package io.godwit.linux.process;

import org.jspecify.annotations.NullMarked;
