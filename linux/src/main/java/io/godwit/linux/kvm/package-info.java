// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/**
 * KVM as Godwit uses it: a virtual machine without an in-kernel interrupt controller, its memory slots with their dirty
 * log or dirty rings, and its vCPUs with all the state the kernel keeps for them.
 *
 * <p>Read {@link io.godwit.linux.kvm.Kvm} first, then {@link io.godwit.linux.kvm.KvmVm} and {@link
 * io.godwit.linux.kvm.KvmVcpu}. Control requests may come from any thread; only {@link io.godwit.linux.kvm.KvmVcpu#run}
 * belongs to one thread, the vCPU's. Whoever opens an object closes it: vCPUs before their machine, machines before the
 * system. Specification: the kernel's {@code Documentation/virt/kvm/api.rst}.
 */
@NullMarked
package io.godwit.linux.kvm;

import org.jspecify.annotations.NullMarked;
