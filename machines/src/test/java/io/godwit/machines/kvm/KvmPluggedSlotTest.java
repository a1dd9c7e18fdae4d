// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.kvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.godwit.engine.memory.RamBlock;
import io.godwit.linux.kvm.Kvm;
import io.godwit.linux.kvm.KvmExit;
import io.godwit.linux.kvm.KvmSupport;
import io.godwit.linux.kvm.KvmVcpu;
import io.godwit.linux.kvm.KvmVm;
import io.godwit.linux.kvm.VcpuPart;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.machines.programs.BootLayout;
import io.godwit.machines.programs.GuestProgram;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A guest that writes to memory that is plugged in while it is tracked. */
@Tag("kernel")
final class KvmPluggedSlotTest {
    private static final int MEMORY = 4 << 20;
    private static final long CODE = 0x1000;
    private static final long VIRTUAL = 0x200000;
    private static final long DIMM_ADDRESS = 4L << 30;

    // in eax, dx; add [rbx], rax; jmp back
    private static final byte[] LOOP = {(byte) 0xed, 0x48, 0x01, 0x03, (byte) 0xeb, (byte) 0xfa};

    @ParameterizedTest
    @EnumSource
    void itsWritesAreTrackedFromTheFirstAndNoneWhenItHasGone(KvmTracking tracking) {
        if (Kvm.support() instanceof KvmSupport.Missing missing) {
            assumeTrue(false, missing.reason());
        }
        List<KvmVcpu> vcpus = new ArrayList<>();
        try (NativeMemory bootMemory = NativeMemory.mapAnonymous(MEMORY);
                NativeMemory dimmMemory = NativeMemory.mapAnonymous(MEMORY);
                Kvm kvm = Kvm.open();
                KvmVm vm = kvm.createVm()) {
            boot(bootMemory);
            RamBlock boot = new RamBlock("boot", bootMemory);
            RamBlock dimm = new RamBlock("dimm", dimmMemory);
            try (KvmTracker tracker = tracker(tracking, vm, boot, vcpus);
                    KvmVcpu vcpu = vm.createVcpu(0)) {
                start(kvm, vcpu);
                vcpus.add(vcpu);
                tracker.start();
                tracker.add(dimm, KvmTracker.SLOT + 1, DIMM_ADDRESS);
                addSeven(vcpu);
                assertThat(dimmMemory.getLong(0)).isEqualTo(7);
                assertThat(tracker.harvest(boot)).as("pages of the other block").isLessThanOrEqualTo(3);
                assertThat(tracker.harvest(dimm)).isEqualTo(1);
                assertThat(dimm.dirtyBitmap().isSet(0)).isTrue();
                assertThat(tracker.harvest(dimm)).isZero();
                addSeven(vcpu);
                tracker.remove(dimm);
                assertThat(tracker.harvest(dimm)).isZero();
                assertThat(dimmMemory.getLong(0)).isEqualTo(14);
                tracker.add(dimm, KvmTracker.SLOT + 1, DIMM_ADDRESS);
                addSeven(vcpu);
                assertThat(tracker.harvest(dimm)).isEqualTo(1);
                tracker.stop();
                tracker.remove(dimm);
                vcpu.answerIo(7);
                assertThat(vcpu.run()).as("the guest finds nothing there").isEqualTo(KvmExit.MMIO);
            }
        }
    }

    private static KvmTracker tracker(KvmTracking tracking, KvmVm vm, RamBlock boot, List<KvmVcpu> vcpus) {
        return switch (tracking) {
            case LOG -> {
                vm.separateDirtyLogClearing();
                yield new KvmDirtyTracker(vm, boot);
            }
            case RINGS -> {
                vm.enableDirtyRings(KvmRingTracker.RING_BYTES);
                yield new KvmRingTracker(vm, boot, vcpus);
            }
        };
    }

    /** Page tables of two large pages: the first of the boot memory, and the first of what is plugged in. */
    private static void boot(NativeMemory memory) {
        memory.copyFrom(CODE, LOOP, 0, LOOP.length);
        memory.putLongLE(BootLayout.PAGE_MAP, 0x3007);
        memory.putLongLE(0x3000, 0x4007);
        memory.putLongLE(0x4000, 0x87);
        memory.putLongLE(0x4008, DIMM_ADDRESS | 0x87);
    }

    private static void start(Kvm kvm, KvmVcpu vcpu) {
        vcpu.writeCpuid(kvm.supportedCpuid());
        RingThreeStart.set(vcpu, GuestProgram.IDLE);
        ByteBuffer regs = ByteBuffer.wrap(vcpu.read(VcpuPart.REGS)).order(ByteOrder.LITTLE_ENDIAN);
        regs.putLong(8, VIRTUAL);
        regs.putLong(24, 0x660);
        regs.putLong(128, CODE);
        vcpu.write(VcpuPart.REGS, regs.array());
        vcpu.immediateExit(false);
        assertThat(vcpu.run()).as(vcpu.exitDescription()).isEqualTo(KvmExit.IO_IN);
    }

    /** Up to the next read of the port. */
    private static void addSeven(KvmVcpu vcpu) {
        vcpu.answerIo(7);
        assertThat(vcpu.run()).as(vcpu.exitDescription()).isEqualTo(KvmExit.IO_IN);
    }
}
