// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/**
 * vCPU threads and their heartbeats, the same for every kind of machine.
 *
 * <p>Read {@link io.godwit.machines.vcpu.VcpuThread} first: one platform thread {@code vcpu-N} for each vCPU, which
 * runs, pauses, is throttled and ends on request of any other thread. {@link io.godwit.machines.vcpu.HeartbeatMonitor}
 * is the host's record of the guest's beats on the monotonic clock, which all processes of a host share.
 */
@NullMarked
package io.godwit.machines.vcpu;

import org.jspecify.annotations.NullMarked;
