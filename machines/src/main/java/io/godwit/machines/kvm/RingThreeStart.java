// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.kvm;

import io.godwit.linux.kvm.KvmVcpu;
import io.godwit.linux.kvm.VcpuPart;
import io.godwit.machines.programs.BootArea;
import io.godwit.machines.programs.BootLayout;
import io.godwit.machines.programs.GuestProgram;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Puts a new vCPU straight into ring 3 of 64-bit mode, at the start of its program, with no kernel below it. */
final class RingThreeStart {
    // struct kvm_sregs: six segments of 24 bytes, then others
    private static final int SEGMENT_LENGTH = 24;
    private static final int SEGMENTS = 6;
    private static final int CS = 0;
    private static final int CR0 = 224;
    private static final int CR3 = 240;
    private static final int CR4 = 248;
    private static final int EFER = 264;

    private static final int CODE_SELECTOR = 0x33;
    private static final int DATA_SELECTOR = 0x2b;
    private static final byte CODE_READ_ACCESSED = 11;
    private static final byte DATA_WRITE_ACCESSED = 3;

    private static final long CR0_PE_MP_ET_NE_WP_AM_PG = 0x8005_0033L;
    private static final long CR4_PAE_OSFXSR_OSXMMEXCPT = 0x620L;
    private static final long EFER_LME_LMA = 0x500L;

    // struct kvm_regs: 64-bit registers
    private static final int RDI = 5 * Long.BYTES;
    private static final int RIP = 16 * Long.BYTES;
    private static final int RFLAGS = 17 * Long.BYTES;
    private static final long IOPL_3 = 0x3002;

    private RingThreeStart() {}

    static void set(KvmVcpu vcpu, GuestProgram program) {
        ByteBuffer sregs = ByteBuffer.wrap(vcpu.read(VcpuPart.SREGS)).order(ByteOrder.LITTLE_ENDIAN);
        for (int segment = 0; segment < SEGMENTS; segment++) {
            flatSegment(sregs, segment * SEGMENT_LENGTH, segment == CS);
        }
        sregs.putLong(CR0, CR0_PE_MP_ET_NE_WP_AM_PG);
        sregs.putLong(CR3, BootLayout.PAGE_MAP);
        sregs.putLong(CR4, CR4_PAE_OSFXSR_OSXMMEXCPT);
        sregs.putLong(EFER, EFER_LME_LMA);
        vcpu.write(VcpuPart.SREGS, sregs.array());

        ByteBuffer regs = ByteBuffer.wrap(new byte[VcpuPart.REGS.byteLength()]).order(ByteOrder.LITTLE_ENDIAN);
        regs.putLong(RDI, BootLayout.controlBlockOffset(vcpu.index()));
        regs.putLong(RIP, BootArea.entryPoint(program));
        regs.putLong(RFLAGS, IOPL_3);
        vcpu.write(VcpuPart.REGS, regs.array());
    }

    private static void flatSegment(ByteBuffer sregs, int at, boolean code) {
        sregs.putLong(at, 0); // base
        sregs.putInt(at + 8, -1); // limit
        sregs.putShort(at + 12, (short) (code ? CODE_SELECTOR : DATA_SELECTOR));
        sregs.put(at + 14, code ? CODE_READ_ACCESSED : DATA_WRITE_ACCESSED); // type
        sregs.put(at + 15, (byte) 1); // present
        sregs.put(at + 16, (byte) 3); // dpl
        sregs.put(at + 17, (byte) (code ? 0 : 1)); // db
        sregs.put(at + 18, (byte) 1); // s: code or data
        sregs.put(at + 19, (byte) (code ? 1 : 0)); // l: 64-bit
        sregs.put(at + 20, (byte) 1); // g: limit in pages
        sregs.put(at + 22, (byte) 0); // unusable
    }
}
