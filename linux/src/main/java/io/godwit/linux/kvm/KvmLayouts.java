// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.kvm;

import static java.lang.foreign.MemoryLayout.sequenceLayout;
import static java.lang.foreign.MemoryLayout.structLayout;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.StructLayout;

/** The structures of {@code linux/kvm.h} and {@code asm/kvm.h} that requests carry, in the machine's own byte order. */
final class KvmLayouts {
    static final StructLayout MEMORY_REGION = structLayout(
                    JAVA_INT.withName("slot"),
                    JAVA_INT.withName("flags"),
                    JAVA_LONG.withName("guest_phys_addr"),
                    JAVA_LONG.withName("memory_size"),
                    JAVA_LONG.withName("userspace_addr"))
            .withName("kvm_userspace_memory_region");

    static final StructLayout DIRTY_LOG = structLayout(
                    JAVA_INT.withName("slot"), JAVA_INT.withName("padding1"), JAVA_LONG.withName("dirty_bitmap"))
            .withName("kvm_dirty_log");

    static final StructLayout CLEAR_DIRTY_LOG = structLayout(
                    JAVA_INT.withName("slot"),
                    JAVA_INT.withName("num_pages"),
                    JAVA_LONG.withName("first_page"),
                    JAVA_LONG.withName("dirty_bitmap"))
            .withName("kvm_clear_dirty_log");

    static final StructLayout ENABLE_CAP = structLayout(
                    JAVA_INT.withName("cap"),
                    JAVA_INT.withName("flags"),
                    sequenceLayout(4, JAVA_LONG).withName("args"),
                    sequenceLayout(64, JAVA_BYTE).withName("pad"))
            .withName("kvm_enable_cap");

    /** Sixteen general registers in the order rax rbx rcx rdx rsi rdi rsp rbp r8..r15, then rip and rflags. */
    static final StructLayout REGS =
            structLayout(sequenceLayout(18, JAVA_LONG).withName("registers")).withName("kvm_regs");

    static final StructLayout SEGMENT = structLayout(
                    JAVA_LONG.withName("base"),
                    JAVA_INT.withName("limit"),
                    JAVA_SHORT.withName("selector"),
                    JAVA_BYTE.withName("type"),
                    JAVA_BYTE.withName("present"),
                    JAVA_BYTE.withName("dpl"),
                    JAVA_BYTE.withName("db"),
                    JAVA_BYTE.withName("s"),
                    JAVA_BYTE.withName("l"),
                    JAVA_BYTE.withName("g"),
                    JAVA_BYTE.withName("avl"),
                    JAVA_BYTE.withName("unusable"),
                    JAVA_BYTE.withName("padding"))
            .withName("kvm_segment");

    static final StructLayout TABLE = structLayout(
                    JAVA_LONG.withName("base"),
                    JAVA_SHORT.withName("limit"),
                    sequenceLayout(3, JAVA_SHORT).withName("padding"))
            .withName("kvm_dtable");

    static final StructLayout SREGS = structLayout(
                    SEGMENT.withName("cs"),
                    SEGMENT.withName("ds"),
                    SEGMENT.withName("es"),
                    SEGMENT.withName("fs"),
                    SEGMENT.withName("gs"),
                    SEGMENT.withName("ss"),
                    SEGMENT.withName("tr"),
                    SEGMENT.withName("ldt"),
                    TABLE.withName("gdt"),
                    TABLE.withName("idt"),
                    JAVA_LONG.withName("cr0"),
                    JAVA_LONG.withName("cr2"),
                    JAVA_LONG.withName("cr3"),
                    JAVA_LONG.withName("cr4"),
                    JAVA_LONG.withName("cr8"),
                    JAVA_LONG.withName("efer"),
                    JAVA_LONG.withName("apic_base"),
                    sequenceLayout(4, JAVA_LONG).withName("interrupt_bitmap"))
            .withName("kvm_sregs");

    static final StructLayout FPU = structLayout(
                    sequenceLayout(8 * 16, JAVA_BYTE).withName("fpr"),
                    JAVA_SHORT.withName("fcw"),
                    JAVA_SHORT.withName("fsw"),
                    JAVA_BYTE.withName("ftwx"),
                    JAVA_BYTE.withName("pad1"),
                    JAVA_SHORT.withName("last_opcode"),
                    JAVA_LONG.withName("last_ip"),
                    JAVA_LONG.withName("last_dp"),
                    sequenceLayout(16 * 16, JAVA_BYTE).withName("xmm"),
                    JAVA_INT.withName("mxcsr"),
                    JAVA_INT.withName("pad2"))
            .withName("kvm_fpu");

    /** The fixed part; with KVM_CAP_XSAVE2 the area is as long as the capability says. */
    static final StructLayout XSAVE =
            structLayout(sequenceLayout(1024, JAVA_INT).withName("region")).withName("kvm_xsave");

    static final StructLayout XCR =
            structLayout(JAVA_INT.withName("xcr"), JAVA_INT.withName("reserved"), JAVA_LONG.withName("value"));

    static final StructLayout XCRS = structLayout(
                    JAVA_INT.withName("nr_xcrs"),
                    JAVA_INT.withName("flags"),
                    sequenceLayout(16, XCR).withName("xcrs"),
                    sequenceLayout(16, JAVA_LONG).withName("padding"))
            .withName("kvm_xcrs");

    static final StructLayout VCPU_EVENTS =
            structLayout(sequenceLayout(64, JAVA_BYTE).withName("events")).withName("kvm_vcpu_events");

    static final StructLayout MP_STATE =
            structLayout(JAVA_INT.withName("mp_state")).withName("kvm_mp_state");

    static final StructLayout DEBUGREGS = structLayout(
                    sequenceLayout(4, JAVA_LONG).withName("db"),
                    JAVA_LONG.withName("dr6"),
                    JAVA_LONG.withName("dr7"),
                    JAVA_LONG.withName("flags"),
                    sequenceLayout(9, JAVA_LONG).withName("reserved"))
            .withName("kvm_debugregs");

    /** The header only: {@code nmsrs} entries of {@link #MSR_ENTRY} follow. */
    static final StructLayout MSRS =
            structLayout(JAVA_INT.withName("nmsrs"), JAVA_INT.withName("pad")).withName("kvm_msrs");

    static final StructLayout MSR_ENTRY = structLayout(
                    JAVA_INT.withName("index"), JAVA_INT.withName("reserved"), JAVA_LONG.withName("data"))
            .withName("kvm_msr_entry");

    /** The header only: {@code nmsrs} numbers follow. */
    static final StructLayout MSR_LIST =
            structLayout(JAVA_INT.withName("nmsrs")).withName("kvm_msr_list");

    /** The header only: {@code nent} entries of {@link #CPUID_ENTRY} follow. */
    static final StructLayout CPUID = structLayout(JAVA_INT.withName("nent"), JAVA_INT.withName("padding"))
            .withName("kvm_cpuid2");

    static final StructLayout CPUID_ENTRY = structLayout(
                    JAVA_INT.withName("function"),
                    JAVA_INT.withName("index"),
                    JAVA_INT.withName("flags"),
                    JAVA_INT.withName("eax"),
                    JAVA_INT.withName("ebx"),
                    JAVA_INT.withName("ecx"),
                    JAVA_INT.withName("edx"),
                    sequenceLayout(3, JAVA_INT).withName("padding"))
            .withName("kvm_cpuid_entry2");

    static final StructLayout DIRTY_GFN = structLayout(
                    JAVA_INT.withName("flags"), JAVA_INT.withName("slot"), JAVA_LONG.withName("offset"))
            .withName("kvm_dirty_gfn");

    private KvmLayouts() {}

    static int byteLength(MemoryLayout layout) {
        return Math.toIntExact(layout.byteSize());
    }
}
