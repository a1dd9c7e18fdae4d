// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.engine.guest.VcpuStuckException;
import io.godwit.engine.memory.RamBlock;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.machines.guest.GuestKind;
import io.godwit.machines.guest.GuestOptions;
import io.godwit.machines.guest.Machine;
import io.godwit.machines.guest.Origin;
import io.godwit.machines.kvm.KvmMachine;
import io.godwit.machines.kvm.KvmTracking;
import io.godwit.machines.programs.BootArea;
import io.godwit.machines.programs.BootLayout;
import io.godwit.machines.programs.GuestProgram;
import io.godwit.machines.programs.RamFill;
import io.godwit.machines.programs.TouchCounts;
import io.godwit.machines.programs.Workload;
import io.godwit.machines.programs.WriteOrder;
import java.time.Duration;
import java.util.Arrays;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

@Tag("kernel")
final class MachinesTest {
    @ParameterizedTest
    @CsvSource({
        "KVM,IDLE,1", "KVM,DIRTIER,1", "KVM,DIRTIER,2", "KVM,STEPPER,4",
        "MEMORY,IDLE,1", "MEMORY,DIRTIER,1", "MEMORY,DIRTIER,2", "MEMORY,STEPPER,4"
    })
    void programsBeatAndFindNoMismatch(GuestKind kind, GuestProgram program, int cpus) {
        try (Machine machine =
                TestMachines.boot(TestMachines.options(kind, program).withCpus(cpus))) {
            machine.vcpus().resume();
            TestMachines.await(
                    () -> machine.heartbeats().vcpus().stream().allMatch(vcpu -> vcpu.count() > 500), machine);
            machine.vcpus().pause(TestMachines.DEADLINE);
            assertThat(machine.mismatches())
                    .as(() -> "first: " + machine.firstMismatch())
                    .isZero();
            assertThat(machine.workPages() > 0).isEqualTo(program != GuestProgram.IDLE);
            long beats = machine.heartbeats().count();
            assertThat(machine.heartbeats().lastBeatNanos()).isPresent();
            assertThat(machine.heartbeats().count()).isEqualTo(beats);
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"KVM", "MEMORY"})
    void dirtierFindsPageThatWasRolledBack(GuestKind kind) {
        GuestOptions options = TestMachines.options(kind, GuestProgram.DIRTIER);
        try (Machine machine = TestMachines.boot(options)) {
            machine.vcpus().resume();
            TestMachines.await(() -> machine.workPages() > 3000, machine);
            machine.vcpus().pause(TestMachines.DEADLINE);
            assertThat(machine.mismatches()).isZero();
            long page = (2L << 20) + 17 * RamBlock.PAGE_BYTES;
            RamBlock ram = machine.ram().snapshot().blocks().getFirst();
            ram.memory().putLong(page, ram.memory().getLong(page) - (1L << 32));
            long before = machine.workPages();
            machine.vcpus().resume();
            TestMachines.await(() -> machine.workPages() > before + 3000, machine);
            assertThat(machine.mismatches()).isEqualTo(1);
            assertThat(machine.firstMismatch()).hasValueSatisfying(mismatch -> {
                assertThat(mismatch.page()).isEqualTo(page / RamBlock.PAGE_BYTES);
                assertThat(mismatch.expected() - mismatch.found()).isEqualTo(1L << 32);
            });
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"KVM", "MEMORY"})
    void stepperFindsPageThatWasLost(GuestKind kind) {
        GuestOptions options = TestMachines.options(kind, GuestProgram.STEPPER);
        try (Machine machine = TestMachines.boot(options)) {
            machine.vcpus().resume();
            TestMachines.await(() -> machine.workPages() > 9000, machine);
            machine.vcpus().pause(TestMachines.DEADLINE);
            assertThat(machine.mismatches()).isZero();
            long page = (2L << 20) + 99 * RamBlock.PAGE_BYTES;
            RamBlock ram = machine.ram().snapshot().blocks().getFirst();
            ram.memory().putByte(page, (byte) (ram.memory().getByte(page) + 1));
            long before = machine.workPages();
            machine.vcpus().resume();
            TestMachines.await(() -> machine.workPages() > before + 9000, machine);
            assertThat(machine.mismatches()).isEqualTo(1);
            assertThat(machine.firstMismatch())
                    .hasValueSatisfying(mismatch -> assertThat(mismatch.page()).isEqualTo(page / RamBlock.PAGE_BYTES));
        }
    }

    @Test
    void stepperCountsHowLongEachTouchTook() {
        GuestOptions options = TestMachines.options(GuestKind.KVM, GuestProgram.STEPPER);
        try (Machine machine = TestMachines.boot(options)) {
            machine.vcpus().resume();
            TestMachines.await(() -> machine.workPages() > 9000, machine);
            machine.vcpus().pause(TestMachines.DEADLINE);
            // A pause may come between the count of a touch and that of the page.
            assertThat(Arrays.stream(machine.touches()).sum() - machine.workPages())
                    .isBetween(0L, 1L);
            assertThat(TouchCounts.upToCycles(0)).isEqualTo(16);
            assertThat(TouchCounts.upToCycles(16)).isEqualTo(33);
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"KVM", "MEMORY"})
    void guestGoesOnAfterAPauseThatCameTooLate(GuestKind kind) {
        try (Machine machine = TestMachines.boot(TestMachines.options(kind, GuestProgram.DIRTIER))) {
            machine.vcpus().resume();
            for (int round = 0; round < 50; round++) {
                long beats = machine.heartbeats().count();
                TestMachines.await(() -> machine.heartbeats().count() > beats + 5, machine);
                try {
                    machine.vcpus().pause(Duration.ZERO);
                    machine.vcpus().resume();
                } catch (VcpuStuckException e) {
                    // It came out after all and was let go at once.
                }
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"KVM,1", "KVM,2", "MEMORY,2"})
    void thousandPausesLoseNoKick(GuestKind kind, int cpus) {
        GuestOptions options = TestMachines.unlimited(TestMachines.options(kind, GuestProgram.DIRTIER))
                .withCpus(cpus);
        try (Machine machine = TestMachines.boot(options)) {
            for (int i = 0; i < 1000; i++) {
                machine.vcpus().resume();
                if (i % 3 == 0) {
                    long seen = machine.heartbeats().count();
                    TestMachines.await(() -> machine.heartbeats().count() > seen, machine);
                }
                machine.vcpus().pause(TestMachines.DEADLINE);
            }
            assertThat(machine.mismatches()).isZero();
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"KVM", "MEMORY"})
    void trackerFindsExactlyThePagesWritten(GuestKind kind) {
        GuestOptions options = TestMachines.options(kind, GuestProgram.DIRTIER);
        try (Machine machine = TestMachines.boot(options)) {
            RamBlock ram = machine.ram().snapshot().blocks().getFirst();
            machine.dirtyTracker().start();
            long[] before = TestMachines.pageHashes(ram);
            machine.vcpus().resume();
            TestMachines.await(() -> machine.workPages() > 100, machine);
            machine.vcpus().pause(TestMachines.DEADLINE);
            long found = machine.dirtyTracker().harvest(ram);
            assertThat(found).isEqualTo(ram.dirtyBitmap().count());
            // The kernel may report a page of the boot area that it only made writable, and one that the vCPU was about
            // to write when it was stopped, but never omits one.
            long[] reported = ram.dirtyBitmap().toWords();
            long[] changed = TestMachines.changed(ram, before);
            int boot = (int) (BootLayout.BYTE_LENGTH / RamBlock.PAGE_BYTES / Long.SIZE);
            int unchanged = 0;
            for (int word = 0; word < reported.length; word++) {
                assertThat(changed[word] & ~reported[word]).isZero();
                unchanged += word < boot ? 0 : Long.bitCount(reported[word] & ~changed[word]);
            }
            assertThat(unchanged).isLessThanOrEqualTo(1);
            assertThat(machine.dirtyTracker().harvest(ram)).isZero();
            machine.dirtyTracker().stop();
        }
    }

    @ParameterizedTest
    @CsvSource({"KVM,1", "KVM,2", "MEMORY,2"})
    void harvestsWhileRunningLoseNoWrite(GuestKind kind, int cpus) {
        GuestOptions options = TestMachines.unlimited(TestMachines.options(kind, GuestProgram.DIRTIER))
                .withCpus(cpus);
        try (Machine machine = TestMachines.boot(options)) {
            assertNoWriteIsLost(machine, 50);
        }
    }

    private static void assertNoWriteIsLost(Machine machine, int passes) {
        RamBlock ram = machine.ram().snapshot().blocks().getFirst();
        machine.dirtyTracker().start();
        ram.dirtyBitmap().setAll();
        machine.vcpus().resume();
        try (TestMachines.Copy copy = new TestMachines.Copy(ram)) {
            for (int pass = 0; pass < passes; pass++) {
                long work = machine.workPages();
                TestMachines.await(() -> machine.workPages() > work + 100, machine);
                long _ = machine.dirtyTracker().harvest(ram);
                copy.takeDirtyPages();
            }
            machine.vcpus().pause(TestMachines.DEADLINE);
            long _ = machine.dirtyTracker().harvest(ram);
            copy.takeDirtyPages();
            assertThat(copy.firstDifference()).isEqualTo(-1);
        }
        assertThat(machine.mismatches()).isZero();
        machine.dirtyTracker().stop();
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void ringsLoseNoWriteWhenTheyAreFull(int cpus) {
        Workload all = new Workload(GuestProgram.STEPPER, 0, 0, WriteOrder.SWEEP, RamFill.RANDOM, 1);
        GuestOptions options = TestMachines.options(GuestKind.KVM, GuestProgram.STEPPER)
                .withMemoryBytes(64L << 20)
                .withWorkload(all)
                .withCpus(cpus);
        TestMachines.assumeKvm();
        try (Machine machine = KvmMachine.create(options, Origin.BOOT, KvmTracking.RINGS)) {
            assertNoWriteIsLost(machine, 5);
            machine.dirtyTracker().start();
            assertThat(machine.dirtyTracker()
                            .harvest(machine.ram().snapshot().blocks().getFirst()))
                    .isZero();
        }
    }

    @Test
    void crashedGuestIsReportedAndDoesNotRunAgain() {
        try (Machine machine = TestMachines.boot(TestMachines.options(GuestKind.KVM, GuestProgram.IDLE))) {
            RamBlock ram = machine.ram().snapshot().blocks().getFirst();
            long entry = BootArea.entryPoint(GuestProgram.IDLE);
            byte[] undefinedInstruction = {0x0f, 0x0b};
            ram.memory().copyFrom(entry, undefinedInstruction, 0, 2);
            machine.vcpus().resume();
            TestMachines.awaitFailure(machine);
            machine.vcpus().pause(TestMachines.DEADLINE);
            assertThat(machine.failure().orElseThrow()).hasMessageContaining("vCPU 0 stopped by itself");
            assertThatThrownBy(() -> machine.vcpus().resume()).isInstanceOf(IllegalStateException.class);
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"KVM", "MEMORY"})
    void throttledGuestStillBeatsAndPauses(GuestKind kind) {
        GuestOptions options = TestMachines.unlimited(TestMachines.options(kind, GuestProgram.DIRTIER));
        try (Machine machine = TestMachines.boot(options)) {
            machine.vcpus().throttle(0, 99);
            for (int i = 0; i < 3; i++) {
                machine.vcpus().resume();
                long beats = machine.heartbeats().count();
                TestMachines.await(() -> machine.heartbeats().count() > beats + 50, machine);
                machine.vcpus().pause(TestMachines.DEADLINE);
            }
            assertThat(machine.mismatches()).isZero();
        }
    }

    @Test
    void aThrottledGuestThatEndsLeavesNoThread() {
        try (Machine machine = TestMachines.boot(TestMachines.options(GuestKind.MEMORY, GuestProgram.DIRTIER))) {
            machine.vcpus().throttle(0, 30);
            machine.vcpus().resume();
        }
        assertThat(Thread.getAllStackTraces().keySet())
                .extracting(Thread::getName)
                .doesNotContain("vcpu-throttle");
    }

    /** It pays nowhere by itself: it touches no port. */
    @Test
    void aGuestThatNeverLeavesTheProcessorIsThrottledToo() {
        GuestOptions options = TestMachines.unlimited(TestMachines.options(GuestKind.KVM, GuestProgram.DIRTIER));
        try (Machine machine = TestMachines.boot(options)) {
            NativeMemory ram = machine.ram().snapshot().blocks().getFirst().memory();
            // BURST, the pages between two beats.
            ram.putLongByDowncall(BootLayout.controlBlockOffset(0) + 0x38, Long.MAX_VALUE);
            machine.vcpus().resume();
            machine.vcpus().throttle(0, 50);
            TestMachines.await(() -> machine.vcpus().throttledNanos()[0] > 50_000_000, machine);
            machine.vcpus().pause(TestMachines.DEADLINE);
            machine.vcpus().throttle(0, 0);
            long taken = machine.vcpus().throttledNanos()[0];
            long work = machine.workPages();
            machine.vcpus().resume();
            TestMachines.await(() -> machine.workPages() > work + 1000, machine);
            machine.vcpus().pause(TestMachines.DEADLINE);
            assertThat(machine.vcpus().throttledNanos()[0]).isEqualTo(taken);
            assertThat(machine.mismatches()).isZero();
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"KVM", "MEMORY"})
    void rateChangesWhileGuestRunsAndTheWriteIsMarked(GuestKind kind) {
        try (Machine machine = TestMachines.boot(TestMachines.options(kind, GuestProgram.DIRTIER))) {
            RamBlock ram = machine.ram().snapshot().blocks().getFirst();
            machine.vcpus().resume();
            machine.pagesPerSecond(0);
            TestMachines.await(() -> machine.workPages() > 100_000, machine);
            assertThat(ram.dirtyBitmap().count()).isEqualTo(1);
        }
    }
}
