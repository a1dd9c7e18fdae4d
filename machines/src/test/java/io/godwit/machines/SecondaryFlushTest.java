// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;

import io.godwit.engine.checkpoint.FlushShape;
import io.godwit.engine.checkpoint.RamCache;
import io.godwit.engine.environment.Environment;
import io.godwit.engine.guest.GuestState;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.report.FlushStatistics;
import io.godwit.engine.tracking.WriteProtectTracker;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.linux.memory.Support;
import io.godwit.machines.guest.GuestKind;
import io.godwit.machines.guest.GuestOptions;
import io.godwit.machines.guest.Machine;
import io.godwit.machines.guest.Origin;
import io.godwit.machines.kvm.KvmMachine;
import io.godwit.machines.kvm.KvmTracking;
import io.godwit.machines.programs.GuestProgram;
import io.godwit.stream.DeviceSection;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * A guest that runs as a secondary does: what it has written since its primary's last checkpoint is undone, and nothing
 * of that counts as written by it.
 */
@Tag("kernel")
final class SecondaryFlushTest {
    private static final int ROUNDS = 6;

    enum Tracking {
        LOG,
        RINGS,
        PROTECTION;

        Machine boot(GuestOptions options) {
            return switch (this) {
                case LOG -> KvmMachine.create(options, Origin.BOOT, KvmTracking.LOG);
                case RINGS -> KvmMachine.create(options, Origin.BOOT, KvmTracking.RINGS);
                case PROTECTION -> TestMachines.boot(options);
            };
        }
    }

    @ParameterizedTest
    @CsvSource({"LOG, RUNS", "LOG, RANGES", "RINGS, RUNS", "PROTECTION, RUNS", "PROTECTION, RANGES"})
    void itsOwnWritesAreUndone(Tracking tracking, FlushShape shape) {
        GuestKind kind = tracking == Tracking.PROTECTION ? GuestKind.MEMORY : GuestKind.KVM;
        needs(tracking);
        GuestOptions options = TestMachines.unlimited(TestMachines.options(kind, GuestProgram.DIRTIER))
                .withCpus(2);
        RamCache.Settings settings = new RamCache.Settings(shape, 2, 1);
        try (Machine machine = tracking.boot(options)) {
            runFor(machine, 300);
            RamBlock ram = machine.ram().snapshot().blocks().getFirst();
            try (NativeMemory primary = NativeMemory.mapAnonymous(ram.usedLength());
                    RamCache cache = RamCache.of(machine.ram().snapshot(), Environment.SYSTEM, settings)) {
                NativeMemory.copy(ram.memory(), 0, primary, 0, ram.usedLength());
                List<DeviceSection> devices = GuestState.save(machine, true);
                cache.fill();
                cache.startTracking(machine.dirtyTracker());
                for (int round = 0; round < ROUNDS; round++) {
                    runFor(machine, 200);
                    assertThat(NativeMemory.mismatch(ram.memory(), 0, primary, 0, ram.usedLength()))
                            .as("the guest has written, round %d", round)
                            .isNotNegative();
                    FlushStatistics done = cache.flush();
                    assertThat(NativeMemory.mismatch(ram.memory(), 0, primary, 0, ram.usedLength()))
                            .as("first byte that differs after round %d", round)
                            .isNegative();
                    assertThat(done.pages()).isBetween(1L, ram.pageCount() - 1);
                    assertThat(cache.flush().pages())
                            .as("what the flush wrote is not the guest's")
                            .isZero();
                    boolean _ = GuestState.load(machine, devices);
                }
                assertThat(machine.mismatches()).isZero();
            }
        }
    }

    private static void needs(Tracking tracking) {
        if (tracking == Tracking.PROTECTION) {
            if (WriteProtectTracker.support() instanceof Support.Missing missing) {
                abort(missing.sentence());
            }
        } else {
            TestMachines.assumeKvm();
        }
    }

    /** Until the program has rewritten so many more pages. */
    private static void runFor(Machine machine, long pages) {
        long enough = machine.workPages() + pages;
        machine.vcpus().resume();
        TestMachines.await(() -> machine.workPages() >= enough, machine);
        machine.vcpus().pause(TestMachines.DEADLINE);
    }
}
