// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.kvm;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.godwit.linux.NativeException;
import io.godwit.linux.ffi.Libc;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * One virtual machine. It has no interrupt controller in the kernel. Close it after its vCPUs and dirty logs, and
 * before the memory of its slots is unmapped.
 */
public final class KvmVm implements AutoCloseable {
    private static final int MEM_LOG_DIRTY_PAGES = 1;
    private static final int MANUAL_PROTECT_ENABLE = 1;

    private final int vcpuMapLength;
    private final KvmDescriptor descriptor;
    private int ringByteLength;

    KvmVm(KvmDescriptor descriptor, int vcpuMapLength) {
        this.vcpuMapLength = vcpuMapLength;
        this.descriptor = descriptor;
    }

    /** Whether the pages that a guest writes to a slot are logged. */
    public enum DirtyLogging {
        /** Not logged: the kernel maps the memory in pages as large as it likes. */
        OFF,
        /** Logged: each first write to a page faults once. */
        ON
    }

    /**
     * Makes memory of this process the guest's, or changes how it is logged.
     *
     * @param slot the slot's number
     * @param guestAddress guest-physical address of its first byte, a multiple of 4096
     * @param hostAddress its address in this process, a multiple of 4096
     * @param byteLength a multiple of 4096; 0 removes the slot
     */
    public void mapMemory(int slot, DirtyLogging logging, long guestAddress, long hostAddress, long byteLength) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment region = arena.allocate(KvmLayouts.MEMORY_REGION);
            region.set(JAVA_INT, 0, slot);
            region.set(JAVA_INT, 4, logging == DirtyLogging.ON ? MEM_LOG_DIRTY_PAGES : 0);
            region.set(JAVA_LONG, 8, guestAddress);
            region.set(JAVA_LONG, 16, byteLength);
            region.set(JAVA_LONG, 24, hostAddress);
            int result = Libc.ioctl(descriptor.number(), KvmRequests.SET_USER_MEMORY_REGION, region.address());
            if (result < 0) {
                throw NativeException.of(
                        "ioctl(KVM_SET_USER_MEMORY_REGION)",
                        result,
                        "slot %d, logging %s, guest address 0x%x, host address 0x%x, %d bytes"
                                .formatted(slot, logging, guestAddress, hostAddress, byteLength));
            }
        }
    }

    /**
     * Makes reading the dirty log and clearing it two requests, so that pages are protected again in small portions.
     * Pages start clean when logging is switched on (KVM_DIRTY_LOG_INITIALLY_SET is not asked for).
     */
    public void separateDirtyLogClearing() {
        enable(KvmCapability.MANUAL_DIRTY_LOG_PROTECT2, MANUAL_PROTECT_ENABLE);
    }

    /**
     * Tells dirty pages through one ring for each vCPU instead of logs. Call it before the first vCPU is created.
     *
     * @param byteLength length of each ring, a power of two of 4096 at least and of {@link
     * KvmCapability#DIRTY_LOG_RING} at most
     */
    public void enableDirtyRings(int byteLength) {
        enable(KvmCapability.DIRTY_LOG_RING, byteLength);
        ringByteLength = byteLength;
    }

    /** Protects the pages whose ring entries were harvested again; returns how many entries that were. */
    public int resetDirtyRings() {
        return (int) descriptor.request("KVM_RESET_DIRTY_RINGS", KvmRequests.RESET_DIRTY_RINGS, 0);
    }

    /** A reader of a slot's dirty log with all the memory it needs. */
    public KvmDirtyLog dirtyLog(int slot, long pageCount) {
        return new KvmDirtyLog(descriptor, slot, pageCount);
    }

    /** A new vCPU in reset state, without CPUID. */
    public KvmVcpu createVcpu(int index) {
        int xsaveLength = xsaveLength();
        long fd = descriptor.request("KVM_CREATE_VCPU", KvmRequests.CREATE_VCPU, index);
        KvmDescriptor vcpu = new KvmDescriptor((int) fd, "vCPU " + index);
        return KvmVcpu.over(vcpu, index, vcpuMapLength, ringByteLength, xsaveLength);
    }

    private int xsaveLength() {
        long length =
                descriptor.request("KVM_CHECK_EXTENSION", KvmRequests.CHECK_EXTENSION, KvmCapability.XSAVE2.number());
        return (int) Math.max(VcpuPart.XSAVE_LENGTH, length);
    }

    private void enable(KvmCapability capability, long argument) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment request = arena.allocate(KvmLayouts.ENABLE_CAP);
            request.set(JAVA_INT, 0, capability.number());
            request.set(JAVA_LONG, 8, argument);
            descriptor.request("KVM_ENABLE_CAP KVM_CAP_" + capability, KvmRequests.ENABLE_CAP, request);
        }
    }

    @Override
    public void close() {
        descriptor.close();
    }
}
