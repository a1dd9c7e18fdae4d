// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.kvm;

import io.godwit.engine.guest.DeviceState;
import io.godwit.engine.guest.DeviceStateException;
import io.godwit.linux.NativeException;
import io.godwit.linux.kvm.KvmVcpu;
import io.godwit.linux.kvm.MsrValues;
import io.godwit.linux.kvm.VcpuPart;
import io.godwit.stream.DeviceSection;
import io.godwit.stream.StreamFormatException;
import io.godwit.stream.VmStateBuilder;
import io.godwit.stream.VmStateReader;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;

/**
 * All that KVM keeps for one vCPU, as the device {@code cpu}. General registers travel one by one, the other parts as
 * the structures of the kernel's x86 interface, which are the same on every host.
 */
final class CpuState implements DeviceState {
    private static final System.Logger LOG = System.getLogger(CpuState.class.getName());
    private static final String NAME = "cpu";
    private static final int VERSION = 1;

    private static final List<String> REGISTERS = List.of(
            "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rsp", "rbp", "r8", "r9", "r10", "r11", "r12", "r13", "r14",
            "r15", "rip", "rflags");

    // Events last: setting other parts may change what is pending.
    private static final List<VcpuPart> STRUCTURES =
            List.of(VcpuPart.SREGS, VcpuPart.XCRS, VcpuPart.DEBUGREGS, VcpuPart.MP_STATE, VcpuPart.VCPU_EVENTS);

    // LIMIT: today's kernels list about 150 MSRs.
    private static final int MAX_MSRS = 4096;

    private final KvmVcpu vcpu;
    private final int[] msrIndices;

    CpuState(KvmVcpu vcpu, int[] msrIndices) {
        this.vcpu = vcpu;
        this.msrIndices = msrIndices;
    }

    @Override
    public String idstr() {
        return NAME;
    }

    @Override
    public int instanceId() {
        return vcpu.index();
    }

    @Override
    public DeviceSection save() {
        VmStateBuilder state = new VmStateBuilder(NAME, VERSION);
        ByteBuffer registers = ByteBuffer.wrap(vcpu.read(VcpuPart.REGS)).order(ByteOrder.LITTLE_ENDIAN);
        REGISTERS.forEach(name -> state.u64(name, registers.getLong()));
        for (VcpuPart part : STRUCTURES) {
            state.buffer(fieldName(part), vcpu.read(part));
        }
        state.buffer("xsave", vcpu.readXsave());
        MsrValues msrs = vcpu.readMsrs(msrIndices);
        state.u32("msr_count", msrs.indices().length);
        state.u64Array(
                "msr_indices",
                Arrays.stream(msrs.indices()).mapToLong(Integer::toUnsignedLong).toArray());
        state.u64Array("msr_values", msrs.values());
        return state.build(NAME, vcpu.index());
    }

    @Override
    public void load(DeviceSection section) {
        try {
            set(read(section));
        } catch (StreamFormatException | NativeException | IllegalArgumentException problem) {
            throw new DeviceStateException(NAME, vcpu.index(), String.valueOf(problem.getMessage()));
        }
    }

    /** A state whose lengths have been checked. */
    @SuppressWarnings("ArrayRecordComponent") // never compared; on their way into the kernel
    private record Arrived(
            byte[] registers, List<byte[]> structures, byte[] xsave, int[] msrIndices, long[] msrValues) {}

    private Arrived read(DeviceSection section) {
        require("version of the section", VERSION, section.versionId());
        VmStateReader state = VmStateReader.of(section);
        require("version of the layout", VERSION, state.versionId());
        ByteBuffer registers = ByteBuffer.allocate(VcpuPart.REGS.byteLength()).order(ByteOrder.LITTLE_ENDIAN);
        REGISTERS.forEach(name -> registers.putLong(state.u64(name)));
        List<byte[]> structures = STRUCTURES.stream()
                .map(part -> exact(fieldName(part), state.buffer(fieldName(part)), part.byteLength()))
                .toList();
        byte[] xsave = exact("xsave", state.buffer("xsave"), vcpu.xsaveByteLength());
        int count = state.u32("msr_count");
        if (count < 0 || count > MAX_MSRS) {
            throw new IllegalArgumentException("%d MSRs, at most %d are possible".formatted(count, MAX_MSRS));
        }
        long[] indices = state.u64Array("msr_indices");
        long[] values = state.u64Array("msr_values");
        require("number of MSR indices", count, indices.length);
        require("number of MSR values", count, values.length);
        state.end();
        int[] numbers = new int[count];
        for (int i = 0; i < count; i++) {
            if (indices[i] >>> 32 != 0) {
                throw new IllegalArgumentException("MSR 0x%x: numbers have 32 bits".formatted(indices[i]));
            }
            numbers[i] = (int) indices[i];
        }
        return new Arrived(registers.array(), structures, xsave, numbers, values);
    }

    private void set(Arrived arrived) {
        for (int i = 0; i < STRUCTURES.size(); i++) {
            if (STRUCTURES.get(i) != VcpuPart.VCPU_EVENTS) {
                vcpu.write(STRUCTURES.get(i), arrived.structures().get(i));
            }
        }
        vcpu.writeXsave(arrived.xsave());
        vcpu.write(VcpuPart.REGS, arrived.registers());
        setMsrs(arrived);
        vcpu.write(VcpuPart.VCPU_EVENTS, arrived.structures().get(STRUCTURES.indexOf(VcpuPart.VCPU_EVENTS)));
    }

    private void setMsrs(Arrived arrived) {
        int[] refused = vcpu.writeMsrs(arrived.msrIndices(), arrived.msrValues());
        for (int index : refused) {
            long value = valueOf(arrived, index);
            // KERNEL: without an interrupt controller KVM refuses some MSRs of its own even with the value they have.
            if (value != 0) {
                throw new IllegalArgumentException("this host refuses the value 0x%x of MSR 0x%s"
                        .formatted(value, HexFormat.of().toHexDigits(index)));
            }
            LOG.log(
                    System.Logger.Level.DEBUG,
                    "vCPU {0}: MSR 0x{1} refused, value 0",
                    vcpu.index(),
                    HexFormat.of().toHexDigits(index));
        }
    }

    private static long valueOf(Arrived arrived, int index) {
        for (int i = 0; i < arrived.msrIndices().length; i++) {
            if (arrived.msrIndices()[i] == index) {
                return arrived.msrValues()[i];
            }
        }
        throw new IllegalStateException("MSR 0x" + HexFormat.of().toHexDigits(index) + " was refused but never set");
    }

    private static String fieldName(VcpuPart part) {
        return switch (part) {
            case SREGS -> "sregs";
            case REGS -> "regs";
            case XCRS -> "xcrs";
            case FPU -> "fpu";
            case DEBUGREGS -> "debugregs";
            case MP_STATE -> "mp_state";
            case VCPU_EVENTS -> "events";
        };
    }

    private static byte[] exact(String field, byte[] bytes, int byteLength) {
        require("bytes of '" + field + "'", byteLength, bytes.length);
        return bytes;
    }

    private static void require(String what, int expected, int found) {
        if (expected != found) {
            throw new IllegalArgumentException("%s: %d here, %d in the stream".formatted(what, expected, found));
        }
    }
}
