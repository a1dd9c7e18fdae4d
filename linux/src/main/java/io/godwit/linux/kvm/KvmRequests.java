// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.kvm;

import static io.godwit.linux.ffi.Ioctl.checked;
import static io.godwit.linux.ffi.Ioctl.none;
import static io.godwit.linux.ffi.Ioctl.read;
import static io.godwit.linux.ffi.Ioctl.readWrite;
import static io.godwit.linux.ffi.Ioctl.write;

/** Numbers of the requests, each computed from our layout and compared with what the kernel publishes for x86-64. */
final class KvmRequests {
    private static final int KVM = 0xae;

    static final long GET_API_VERSION = checked("KVM_GET_API_VERSION", 0xae00L, none(KVM, 0x00));
    static final long CREATE_VM = checked("KVM_CREATE_VM", 0xae01L, none(KVM, 0x01));
    static final long GET_MSR_INDEX_LIST =
            checked("KVM_GET_MSR_INDEX_LIST", 0xc004ae02L, readWrite(KVM, 0x02, KvmLayouts.MSR_LIST));
    static final long CHECK_EXTENSION = checked("KVM_CHECK_EXTENSION", 0xae03L, none(KVM, 0x03));
    static final long GET_VCPU_MMAP_SIZE = checked("KVM_GET_VCPU_MMAP_SIZE", 0xae04L, none(KVM, 0x04));
    static final long GET_SUPPORTED_CPUID =
            checked("KVM_GET_SUPPORTED_CPUID", 0xc008ae05L, readWrite(KVM, 0x05, KvmLayouts.CPUID));

    static final long CREATE_VCPU = checked("KVM_CREATE_VCPU", 0xae41L, none(KVM, 0x41));
    static final long GET_DIRTY_LOG = checked("KVM_GET_DIRTY_LOG", 0x4010ae42L, write(KVM, 0x42, KvmLayouts.DIRTY_LOG));
    static final long SET_USER_MEMORY_REGION =
            checked("KVM_SET_USER_MEMORY_REGION", 0x4020ae46L, write(KVM, 0x46, KvmLayouts.MEMORY_REGION));
    static final long ENABLE_CAP = checked("KVM_ENABLE_CAP", 0x4068aea3L, write(KVM, 0xa3, KvmLayouts.ENABLE_CAP));
    static final long CLEAR_DIRTY_LOG =
            checked("KVM_CLEAR_DIRTY_LOG", 0xc018aec0L, readWrite(KVM, 0xc0, KvmLayouts.CLEAR_DIRTY_LOG));
    static final long RESET_DIRTY_RINGS = checked("KVM_RESET_DIRTY_RINGS", 0xaec7L, none(KVM, 0xc7));

    static final long RUN = checked("KVM_RUN", 0xae80L, none(KVM, 0x80));
    static final long GET_REGS = checked("KVM_GET_REGS", 0x8090ae81L, read(KVM, 0x81, KvmLayouts.REGS));
    static final long SET_REGS = checked("KVM_SET_REGS", 0x4090ae82L, write(KVM, 0x82, KvmLayouts.REGS));
    static final long GET_SREGS = checked("KVM_GET_SREGS", 0x8138ae83L, read(KVM, 0x83, KvmLayouts.SREGS));
    static final long SET_SREGS = checked("KVM_SET_SREGS", 0x4138ae84L, write(KVM, 0x84, KvmLayouts.SREGS));
    static final long GET_MSRS = checked("KVM_GET_MSRS", 0xc008ae88L, readWrite(KVM, 0x88, KvmLayouts.MSRS));
    static final long SET_MSRS = checked("KVM_SET_MSRS", 0x4008ae89L, write(KVM, 0x89, KvmLayouts.MSRS));
    static final long GET_FPU = checked("KVM_GET_FPU", 0x81a0ae8cL, read(KVM, 0x8c, KvmLayouts.FPU));
    static final long SET_FPU = checked("KVM_SET_FPU", 0x41a0ae8dL, write(KVM, 0x8d, KvmLayouts.FPU));
    static final long SET_CPUID2 = checked("KVM_SET_CPUID2", 0x4008ae90L, write(KVM, 0x90, KvmLayouts.CPUID));
    static final long GET_MP_STATE = checked("KVM_GET_MP_STATE", 0x8004ae98L, read(KVM, 0x98, KvmLayouts.MP_STATE));
    static final long SET_MP_STATE = checked("KVM_SET_MP_STATE", 0x4004ae99L, write(KVM, 0x99, KvmLayouts.MP_STATE));
    static final long GET_VCPU_EVENTS =
            checked("KVM_GET_VCPU_EVENTS", 0x8040ae9fL, read(KVM, 0x9f, KvmLayouts.VCPU_EVENTS));
    static final long SET_VCPU_EVENTS =
            checked("KVM_SET_VCPU_EVENTS", 0x4040aea0L, write(KVM, 0xa0, KvmLayouts.VCPU_EVENTS));
    static final long GET_DEBUGREGS = checked("KVM_GET_DEBUGREGS", 0x8080aea1L, read(KVM, 0xa1, KvmLayouts.DEBUGREGS));
    static final long SET_DEBUGREGS = checked("KVM_SET_DEBUGREGS", 0x4080aea2L, write(KVM, 0xa2, KvmLayouts.DEBUGREGS));
    static final long SET_TSC_KHZ = checked("KVM_SET_TSC_KHZ", 0xaea2L, none(KVM, 0xa2));
    static final long GET_TSC_KHZ = checked("KVM_GET_TSC_KHZ", 0xaea3L, none(KVM, 0xa3));
    static final long GET_XSAVE = checked("KVM_GET_XSAVE", 0x9000aea4L, read(KVM, 0xa4, KvmLayouts.XSAVE));
    static final long SET_XSAVE = checked("KVM_SET_XSAVE", 0x5000aea5L, write(KVM, 0xa5, KvmLayouts.XSAVE));
    static final long GET_XCRS = checked("KVM_GET_XCRS", 0x8188aea6L, read(KVM, 0xa6, KvmLayouts.XCRS));
    static final long SET_XCRS = checked("KVM_SET_XCRS", 0x4188aea7L, write(KVM, 0xa7, KvmLayouts.XCRS));
    static final long GET_XSAVE2 = checked("KVM_GET_XSAVE2", 0x9000aecfL, read(KVM, 0xcf, KvmLayouts.XSAVE));

    private KvmRequests() {}
}
