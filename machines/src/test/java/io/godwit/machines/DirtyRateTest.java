// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.engine.Migrator;
import io.godwit.engine.arbiter.NoArbiter;
import io.godwit.engine.guest.RunControl;
import io.godwit.engine.guest.RunState;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.engine.tracking.DirtyRate.CurvePoint;
import io.godwit.engine.tracking.DirtyRate.Figures;
import io.godwit.engine.tracking.DirtyRate.Stage;
import io.godwit.engine.tracking.DirtyRateMode;
import io.godwit.engine.tracking.DirtyRateRequest;
import io.godwit.machines.guest.GuestKind;
import io.godwit.machines.guest.GuestOptions;
import io.godwit.machines.guest.Machine;
import io.godwit.machines.guest.Origin;
import io.godwit.machines.kvm.KvmTracking;
import io.godwit.machines.programs.BootLayout;
import io.godwit.machines.programs.GuestProgram;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Real guests' dirty rates, by every tracker. The bounds hold however slow the machine is. */
@Tag("kernel")
final class DirtyRateTest {
    private static final long CALC_MILLIS = 300;

    // Where the programs keep their registers, counts and beats.
    private static final long BOOT_PAGES = BootLayout.BYTE_LENGTH / RamBlock.PAGE_BYTES;

    private static DirtyRateRequest bitmap() {
        return new DirtyRateRequest(DirtyRateMode.DIRTY_BITMAP, CALC_MILLIS, 0, List.of(10L, 100L, CALC_MILLIS));
    }

    private static Machine create(GuestOptions options, Origin origin, KvmTracking tracking) {
        if (options.kind() == GuestKind.KVM) {
            TestMachines.assumeKvm();
        }
        return Machines.create(options, origin, tracking);
    }

    /** A guest that runs, with what measures it. */
    private record Running(Machine machine, RunControl run, Migrator migrator) implements AutoCloseable {
        static Running of(GuestOptions options, KvmTracking tracking) {
            Machine machine = create(options, Origin.BOOT, tracking);
            RunControl run = new RunControl(machine, new NoArbiter(), RunState.PRELAUNCH);
            Migrator migrator = new Migrator(machine, run);
            run.cont();
            TestMachines.await(() -> machine.heartbeats().count() > 10, machine);
            return new Running(machine, run, migrator);
        }

        Figures measure(DirtyRateRequest request) {
            migrator.calcDirtyRate(request);
            TestMachines.await(() -> !(migrator.dirtyRate().stage() instanceof Stage.Measuring), machine);
            assertThat(migrator.dirtyRate().stage()).isInstanceOf(Stage.Measured.class);
            return ((Stage.Measured) migrator.dirtyRate().stage()).figures();
        }

        @Override
        public void close() {
            migrator.close();
            run.shutdown();
            machine.close();
        }
    }

    @ParameterizedTest
    @CsvSource({"KVM,LOG", "KVM,RINGS", "MEMORY,LOG"})
    void anIdleGuestWritesOnlyItsBootArea(GuestKind kind, KvmTracking tracking) {
        try (Running guest = Running.of(TestMachines.options(kind, GuestProgram.IDLE), tracking)) {
            assertThat(guest.measure(bitmap()).curve().getLast().pages()).isLessThanOrEqualTo(BOOT_PAGES);
        }
    }

    @ParameterizedTest
    @CsvSource({"KVM,LOG", "KVM,RINGS", "MEMORY,LOG"})
    void theBitmapFindsNoMoreThanTheDirtierWrote(GuestKind kind, KvmTracking tracking) {
        try (Running guest = Running.of(TestMachines.options(kind, GuestProgram.DIRTIER), tracking)) {
            long before = guest.machine().workPages();
            Figures figures = guest.measure(bitmap());
            long written = guest.machine().workPages() - before;
            assertThat(figures.bytesPerSecond()).isPositive();
            List<Long> pages = figures.curve().stream().map(CurvePoint::pages).toList();
            assertThat(pages).isSorted().hasSize(3);
            // A vCPU may have been about to write one more.
            assertThat(pages.getLast()).isBetween(1L, written + BOOT_PAGES + 1);
        }
    }

    @Test
    void ringsTellWhatEachVcpuWrites() {
        GuestOptions options =
                TestMachines.options(GuestKind.KVM, GuestProgram.DIRTIER).withCpus(2);
        try (Running guest = Running.of(options, KvmTracking.RINGS)) {
            Figures figures = guest.measure(new DirtyRateRequest(DirtyRateMode.DIRTY_RING, CALC_MILLIS, 0, List.of()));
            assertThat(figures.vcpuBytesPerSecond()).hasSize(2).allMatch(rate -> rate > 0);
            long sum = figures.vcpuBytesPerSecond().stream()
                    .mapToLong(Long::longValue)
                    .sum();
            assertThat(figures.bytesPerSecond() - sum).as("rounding").isBetween(0L, 2L);
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"KVM", "MEMORY"})
    void aTrackerWithoutRingsDoesNotTellVcpusApart(GuestKind kind) {
        try (Running guest = Running.of(TestMachines.options(kind, GuestProgram.IDLE), KvmTracking.LOG)) {
            DirtyRateRequest request = new DirtyRateRequest(DirtyRateMode.DIRTY_RING, CALC_MILLIS, 0, List.of());
            assertThatThrownBy(() -> guest.migrator().calcDirtyRate(request))
                    .isInstanceOf(MigrationException.Refused.class)
                    .hasMessageContaining(guest.machine().dirtyTracker().description());
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"KVM", "MEMORY"})
    void samplesFindTheDirtierAndNoZeroPagesInRandomMemory(GuestKind kind) {
        GuestOptions options = TestMachines.options(kind, GuestProgram.DIRTIER);
        try (Running guest = Running.of(options, KvmTracking.LOG)) {
            Figures figures =
                    guest.measure(new DirtyRateRequest(DirtyRateMode.PAGE_SAMPLING, CALC_MILLIS, 16_384, List.of()));
            assertThat(figures.bytesPerSecond()).isBetween(1L, options.memoryBytes() * 1000 / CALC_MILLIS);
            assertThat(figures.zeroShare().orElseThrow()).isLessThan(0.5);
        }
    }

    @Test
    void ringsAreRefusedForAGuestWithoutKvm() {
        GuestOptions options = TestMachines.options(GuestKind.MEMORY, GuestProgram.IDLE);
        assertThatThrownBy(() -> Machines.create(options, Origin.BOOT, KvmTracking.RINGS))
                .isInstanceOf(UnsupportedOperationException.class)
                .hasMessage("Dirty rings are KVM's, and this guest is of kind memory.");
    }

    @ParameterizedTest
    @CsvSource({"KVM,LOG", "KVM,RINGS", "MEMORY,LOG"})
    void aMigrationThatBeginsInTheMiddleLosesNoPage(GuestKind kind, KvmTracking tracking) throws InterruptedException {
        GuestOptions options = TestMachines.options(kind, GuestProgram.DIRTIER).withCpus(2);
        DirtyRateRequest request = new DirtyRateRequest(
                DirtyRateMode.DIRTY_BITMAP, 60_000, 0, List.of(1L, 2L, 4L, 8L, 16L, 32L, 64L, 128L));
        try (Running from = Running.of(options, tracking);
                Machine to = create(options, Origin.ARRIVAL, tracking)) {
            RunControl toRun = new RunControl(to, new NoArbiter(), RunState.INMIGRATE);
            try (Migrator destination = new Migrator(to, toRun)) {
                destination.setVerifying(true);
                destination.migrateIncoming("tcp:127.0.0.1:0");
                from.migrator().calcDirtyRate(request);
                long before = from.machine().workPages();
                TestMachines.await(() -> from.machine().workPages() > before + 2000, from.machine());
                from.migrator().migrate(destination.statistics().listenAddress().orElseThrow());
                assertThat(from.migrator().awaitEnd(TestMachines.DEADLINE)
                                && destination.awaitEnd(TestMachines.DEADLINE))
                        .as(() -> from.migrator().statistics() + "; " + destination.statistics())
                        .isTrue();
                assertThat(destination.statistics().status()).isEqualTo(MigrationStatus.COMPLETED);
                assertThat(from.migrator().dirtyRate().stage()).isNotInstanceOf(Stage.Measuring.class);
                assertThat(from.migrator().digestsAtSwitchover().blockDigests())
                        .isEqualTo(destination.digestsAtSwitchover().blockDigests());
                long work = to.workPages();
                TestMachines.await(() -> to.workPages() > work + 8000, to);
                toRun.stop();
                assertThat(to.mismatches())
                        .as(() -> "first: " + to.firstMismatch())
                        .isZero();
            } finally {
                toRun.shutdown();
            }
        }
    }
}
