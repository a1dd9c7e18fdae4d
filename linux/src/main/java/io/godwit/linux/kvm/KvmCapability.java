// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.kvm;

/** What KVM can be asked about with KVM_CHECK_EXTENSION; each constant carries the kernel's number. */
public enum KvmCapability {
    /** Guest memory is the process's own. */
    USER_MEMORY(3),
    /** The CPUID that KVM supports can be listed and set. */
    EXT_CPUID(7),
    /** The recommended highest number of vCPUs. */
    NR_VCPUS(9),
    /** How many memory slots a machine has. */
    NR_MEMSLOTS(10),
    /** The multiprocessing state can be read and set. */
    MP_STATE(14),
    /** Pending events can be read and set. */
    VCPU_EVENTS(41),
    /** Debug registers can be read and set. */
    DEBUGREGS(50),
    /** The XSAVE area can be read and set. */
    XSAVE(55),
    /** Extended control registers can be read and set. */
    XCRS(56),
    /** The guest's time stamp counter frequency can be set. */
    TSC_CONTROL(60),
    /** The guest's time stamp counter frequency can be read. */
    GET_TSC_KHZ(61),
    /** The highest number of vCPUs. */
    MAX_VCPUS(66),
    /** Registers can be shared with the process. The value has bit 0 for the general ones. */
    SYNC_REGS(74),
    /** {@link KvmVcpu#immediateExit} works. */
    IMMEDIATE_EXIT(136),
    /** Reading the dirty log and clearing it are two requests. The value is the mask of its flags. */
    MANUAL_DIRTY_LOG_PROTECT2(168),
    /** Dirty pages can be told through rings, one for each vCPU. The value is the longest ring in bytes. */
    DIRTY_LOG_RING(192),
    /** The XSAVE area may be longer than 4096 bytes. The value is its length. */
    XSAVE2(208);

    private final int number;

    KvmCapability(int number) {
        this.number = number;
    }

    /** The kernel's number, KVM_CAP_... */
    public int number() {
        return number;
    }
}
