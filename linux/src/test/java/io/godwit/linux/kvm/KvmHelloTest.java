// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.kvm;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.godwit.linux.NativeException;
import io.godwit.linux.ffi.Libc;
import io.godwit.linux.ffi.LibcConstants;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@Tag("kernel")
final class KvmHelloTest {
    private static final int MEMORY = 4 << 20;
    private static final int CODE = 0x1000;
    private static final int PML4 = 0x2000;
    private static final int COUNTER_PAGE = 0x200;
    private static final int RAX = 0;
    private static final int RBX = 1;
    private static final int RDX = 3;

    // in eax, dx; add [0x200000], rax (by rbx); jmp back
    private static final byte[] LOOP = {(byte) 0xed, 0x48, 0x01, 0x03, (byte) 0xeb, (byte) 0xfa};

    @BeforeAll
    static void needsKvm() {
        switch (Kvm.support()) {
            case KvmSupport.Usable _ -> {}
            case KvmSupport.Missing missing -> assumeTrue(false, missing.reason());
        }
    }

    @Test
    void ringThreeGuestReadsPortsAndItsWritesAreLogged() {
        try (Arena arena = Arena.ofShared();
                Kvm kvm = Kvm.open();
                KvmVm vm = kvm.createVm()) {
            MemorySegment ram = boot(arena, vm);
            try (KvmVcpu vcpu = start(kvm, vm);
                    KvmDirtyLog log = vm.dirtyLog(0, MEMORY / 4096)) {
                answerThrice(vcpu);
                assertThat(ram.get(JAVA_LONG, 0x200000)).isEqualTo(3 * 7);
                log.fetch();
                log.clear(0, log.wordCount());
                assertThat(log.word(COUNTER_PAGE / 64)).isEqualTo(1);
                log.fetch();
                assertThat(log.word(COUNTER_PAGE / 64)).isZero();
            }
        }
    }

    @Test
    void sharedRegistersAreSetWithTheAnswerToAPort() {
        try (Arena arena = Arena.ofShared();
                Kvm kvm = Kvm.open();
                KvmVm vm = kvm.createVm()) {
            MemorySegment ram = boot(arena, vm);
            try (KvmVcpu vcpu = start(kvm, vm)) {
                vcpu.shareRegisters();
                assertThat(vcpu.run()).isEqualTo(KvmExit.IO_IN);
                vcpu.answerIo(5);
                assertThat(vcpu.run()).isEqualTo(KvmExit.IO_IN);
                assertThat(vcpu.register(RBX)).isEqualTo(0x200000);
                assertThat(vcpu.register(RDX)).isEqualTo(0x660);
                vcpu.answerIo(0x8000_0007);
                vcpu.register(RAX, 0x8000_0007L);
                vcpu.register(RBX, 0x200008);
                assertThat(vcpu.run()).isEqualTo(KvmExit.IO_IN);
                assertThat(ram.get(JAVA_LONG, 0x200000)).isEqualTo(5);
                assertThat(ram.get(JAVA_LONG, 0x200008)).isEqualTo(0x8000_0007L);
                assertThat(vcpu.register(RBX)).isEqualTo(0x200008);
            }
        }
    }

    @Test
    void wholeStateMovesIntoSecondVcpu() {
        try (Arena arena = Arena.ofShared();
                Kvm kvm = Kvm.open();
                KvmVm vm = kvm.createVm();
                KvmVm second = kvm.createVm()) {
            MemorySegment ram = boot(arena, vm);
            try (KvmVcpu from = start(kvm, vm)) {
                answerThrice(from);
                MsrValues msrs = from.readMsrs(kvm.msrIndices());
                MemorySegment copy = boot(arena, second).copyFrom(ram);
                try (KvmVcpu to = second.createVcpu(0)) {
                    to.writeCpuid(kvm.supportedCpuid());
                    to.write(VcpuPart.SREGS, from.read(VcpuPart.SREGS));
                    to.writeXsave(from.readXsave());
                    for (VcpuPart part : VcpuPart.values()) {
                        to.write(part, from.read(part));
                        assertThat(to.read(part)).as(part.name()).isEqualTo(from.read(part));
                    }
                    int[] refused = to.writeMsrs(msrs.indices(), msrs.values());
                    assertThat(refused.length).isLessThan(4);
                    answerThrice(to);
                    assertThat(copy.get(JAVA_LONG, 0x200000)).isEqualTo(6 * 7);
                }
            }
        }
    }

    @Test
    void oneRefusedMsrNamesItselfAndHidesNoOther() {
        try (Kvm kvm = Kvm.open();
                KvmVm vm = kvm.createVm();
                KvmVcpu vcpu = vm.createVcpu(0)) {
            int efer = 0xc0000080;
            int nonsense = 0x7ff;
            MsrValues read = vcpu.readMsrs(new int[] {nonsense, efer, nonsense});
            assertThat(read.indices()).containsExactly(efer);
            assertThat(read.refused()).containsExactly(nonsense, nonsense);
        }
    }

    @Test
    void structureOfWrongLengthIsRefused() {
        try (Kvm kvm = Kvm.open();
                KvmVm vm = kvm.createVm();
                KvmVcpu vcpu = vm.createVcpu(0)) {
            assertThatThrownBy(() -> vcpu.write(VcpuPart.REGS, new byte[143]))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("144 bytes, not 143");
        }
    }

    @Test
    void vcpuThatCannotBeMappedKeepsNoDescriptor() {
        int number = Libc.open("/dev/null", LibcConstants.O_RDWR | LibcConstants.O_CLOEXEC, 0);
        Path open = Path.of("/proc/self/fd", Integer.toString(number));
        assertThat(open).isSymbolicLink();
        KvmDescriptor descriptor = new KvmDescriptor(number, "no vCPU");
        assertThatThrownBy(() -> KvmVcpu.over(descriptor, 0, 0, 0, VcpuPart.XSAVE_LENGTH))
                .isInstanceOf(NativeException.class)
                .hasMessageContainingAll("mmap", "no vCPU");
        assertThat(Files.exists(open, LinkOption.NOFOLLOW_LINKS)).isFalse();
    }

    private static void answerThrice(KvmVcpu vcpu) {
        vcpu.immediateExit(false);
        for (int i = 0; i < 3; i++) {
            assertThat(vcpu.run()).as(vcpu.exitDescription()).isEqualTo(KvmExit.IO_IN);
            assertThat(vcpu.ioPort()).isEqualTo(0x660);
            assertThat(vcpu.ioByteLength()).isEqualTo(4);
            vcpu.answerIo(7);
        }
        // The last answer is taken, and the add runs up to the next exit.
        assertThat(vcpu.run()).isEqualTo(KvmExit.IO_IN);
        vcpu.answerIo(0);
        vcpu.immediateExit(true);
        assertThat(vcpu.run()).isEqualTo(KvmExit.INTERRUPTED);
    }

    private static MemorySegment boot(Arena arena, KvmVm vm) {
        MemorySegment ram = arena.allocate(MEMORY, 4096);
        MemorySegment.copy(LOOP, 0, ram, JAVA_BYTE, CODE, LOOP.length);
        ram.set(JAVA_LONG, PML4, 0x3007);
        ram.set(JAVA_LONG, 0x3000, 0x4007);
        ram.set(JAVA_LONG, 0x4000, 0x87);
        ram.set(JAVA_LONG, 0x4008, 0x200087);
        vm.separateDirtyLogClearing();
        vm.mapMemory(0, KvmVm.DirtyLogging.ON, 0, ram.address(), MEMORY);
        return ram;
    }

    private static KvmVcpu start(Kvm kvm, KvmVm vm) {
        KvmVcpu vcpu = vm.createVcpu(0);
        vcpu.writeCpuid(kvm.supportedCpuid());
        vcpu.write(VcpuPart.SREGS, longMode(vcpu.read(VcpuPart.SREGS)));
        byte[] regs = new byte[VcpuPart.REGS.byteLength()];
        ByteBuffer view = ByteBuffer.wrap(regs).order(ByteOrder.LITTLE_ENDIAN);
        view.putLong(8, 0x200000);
        view.putLong(24, 0x660);
        view.putLong(128, CODE);
        view.putLong(136, 0x3002);
        vcpu.write(VcpuPart.REGS, regs);
        return vcpu;
    }

    private static byte[] longMode(byte[] sregs) {
        MemorySegment s = MemorySegment.ofArray(sregs);
        for (int segment = 0; segment < 6; segment++) {
            int at = segment * 24;
            s.set(JAVA_INT.withByteAlignment(1), at + 8, 0xffffffff);
            boolean code = segment == 0;
            sregs[at + 12] = (byte) (code ? 0x33 : 0x2b);
            sregs[at + 13] = 0;
            sregs[at + 14] = (byte) (code ? 11 : 3);
            sregs[at + 15] = 1;
            sregs[at + 16] = 3;
            sregs[at + 17] = (byte) (code ? 0 : 1);
            sregs[at + 18] = 1;
            sregs[at + 19] = (byte) (code ? 1 : 0);
            sregs[at + 20] = 1;
            sregs[at + 22] = 0;
        }
        var word = JAVA_LONG.withByteAlignment(1);
        s.set(word, 224, 0x80050033L);
        s.set(word, 240, PML4);
        s.set(word, 248, 0x620L);
        s.set(word, 264, 0x500L);
        return sregs;
    }
}
