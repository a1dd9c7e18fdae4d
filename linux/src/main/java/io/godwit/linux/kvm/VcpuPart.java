// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.kvm;

import java.lang.foreign.MemoryLayout;

/**
 * The parts of a vCPU's state that are one structure of fixed length each, in the order in which a new vCPU takes them.
 * The XSAVE area, MSRs and CPUID have requests of their own.
 */
public enum VcpuPart {
    /** Control and segment registers, tables, EFER. Needs CPUID to be set. */
    SREGS(KvmRequests.GET_SREGS, KvmRequests.SET_SREGS, KvmLayouts.SREGS),
    /** General registers, RIP, RFLAGS. */
    REGS(KvmRequests.GET_REGS, KvmRequests.SET_REGS, KvmLayouts.REGS),
    /** Extended control registers. */
    XCRS(KvmRequests.GET_XCRS, KvmRequests.SET_XCRS, KvmLayouts.XCRS),
    /** x87 and SSE registers, for kernels without XSAVE. */
    FPU(KvmRequests.GET_FPU, KvmRequests.SET_FPU, KvmLayouts.FPU),
    /** Debug registers. */
    DEBUGREGS(KvmRequests.GET_DEBUGREGS, KvmRequests.SET_DEBUGREGS, KvmLayouts.DEBUGREGS),
    /** Whether the vCPU runs, halts or waits to be started. */
    MP_STATE(KvmRequests.GET_MP_STATE, KvmRequests.SET_MP_STATE, KvmLayouts.MP_STATE),
    /** Pending and injected exceptions, interrupts, NMIs. Last, because others change it. */
    VCPU_EVENTS(KvmRequests.GET_VCPU_EVENTS, KvmRequests.SET_VCPU_EVENTS, KvmLayouts.VCPU_EVENTS);

    static final int XSAVE_LENGTH = KvmLayouts.byteLength(KvmLayouts.XSAVE);

    private final long getRequest;
    private final long setRequest;
    private final int byteLength;

    VcpuPart(long getRequest, long setRequest, MemoryLayout layout) {
        this.getRequest = getRequest;
        this.setRequest = setRequest;
        this.byteLength = KvmLayouts.byteLength(layout);
    }

    /** Length of the kernel's structure in bytes. */
    public int byteLength() {
        return byteLength;
    }

    long getRequest() {
        return getRequest;
    }

    long setRequest() {
        return setRequest;
    }
}
