// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.kvm;

/** Why {@link KvmVcpu#run} came back. */
public enum KvmExit {
    /** The guest reads a port: answer with {@link KvmVcpu#answerIo}, then run again. */
    IO_IN,
    /** The guest wrote a port. */
    IO_OUT,
    /** A signal or {@link KvmVcpu#immediateExit}; the guest stands between two instructions. */
    INTERRUPTED,
    /** The guest halts. */
    HALT,
    /** The guest reads or writes memory that no slot has. */
    MMIO,
    /** The vCPU's dirty ring must be harvested before it goes on. */
    DIRTY_RING_FULL,
    /** A triple fault: the guest crashed. */
    SHUTDOWN,
    /** The processor refuses the vCPU's state. */
    FAIL_ENTRY,
    /** KVM cannot go on. */
    INTERNAL_ERROR,
    /** A reason that Godwit does not know; {@link KvmVcpu#exitDescription} has its number. */
    OTHER
}
