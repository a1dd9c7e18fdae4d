// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/**
 * Guests on /dev/kvm.
 *
 * <p>Read {@link io.godwit.machines.kvm.KvmMachine} first. Each vCPU has a thread that enters the guest; the guest starts in ring 3
 * of long mode with I/O privilege 3, so that it needs no kernel of its own and reaches its heartbeat port directly. State is read
 * and set by the migration thread while all vCPU threads stand outside the guest. Specification: the kernel's {@code
 * Documentation/virt/kvm/api.rst}, and the AMD64 Architecture Programmer's Manual for what the registers mean.
 */
@NullMarked
package io.godwit.machines.kvm;

import org.jspecify.annotations.NullMarked;
