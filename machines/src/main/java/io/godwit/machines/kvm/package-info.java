// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/**
 * Guests on /dev/kvm.
 *
 * <p>Read {@link io.godwit.machines.kvm.KvmMachine} first. Each vCPU has a thread that enters the guest; the guest
 * starts in ring 3 of long mode with I/O privilege 3, so that it needs no kernel of its own and reaches its heartbeat
 * port directly. State is read and set by the migration thread while all vCPU threads stand outside the guest.
 *
 * <p>While a guest arrives by postcopy its vCPUs wait for missing pages inside KVM_RUN, which holds up no safepoint. A
 * kick ends that wait at once (measured on Linux 6.18: 0.1 ms; KVM does so since Linux 6.2): the vCPU comes out before
 * the instruction, and asks for the page again when it goes on. KERNEL: not where KVM itself reads guest memory, for
 * page tables when it keeps shadow ones and for instructions that it emulates; there only the page ends the wait, the
 * pause ends with its deadline, and the guest goes on.
 *
 * <p>Specification: the kernel's {@code
 * Documentation/virt/kvm/api.rst}, and the AMD64 Architecture Programmer's Manual for what the registers mean.
 */
@NullMarked
package io.godwit.machines.kvm;

import org.jspecify.annotations.NullMarked;
