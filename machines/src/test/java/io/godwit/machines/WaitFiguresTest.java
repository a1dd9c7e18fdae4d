// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.engine.Migrator;
import io.godwit.engine.arbiter.NoArbiter;
import io.godwit.engine.guest.RunControl;
import io.godwit.engine.guest.RunState;
import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.engine.report.LatencyHistogram;
import io.godwit.engine.report.WaitStatistics;
import io.godwit.engine.settings.MigrationParameter;
import io.godwit.machines.guest.GuestKind;
import io.godwit.machines.guest.GuestOptions;
import io.godwit.machines.guest.Machine;
import io.godwit.machines.guest.Origin;
import io.godwit.machines.kvm.KvmTracking;
import io.godwit.machines.programs.GuestProgram;
import io.godwit.machines.programs.RamFill;
import io.godwit.machines.programs.Workload;
import io.godwit.machines.programs.WriteOrder;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What real guests wait for while they are migrated is counted. How long that is, is no matter here. */
@Tag("kernel")
final class WaitFiguresTest {
    /** More pages than a ring holds, written without pause. */
    private static GuestOptions busy(GuestKind kind) {
        Workload workload = new Workload(GuestProgram.DIRTIER, 48L << 20, 0, WriteOrder.SWEEP, RamFill.RANDOM, 4711);
        return GuestOptions.defaults().withKind(kind).withMemoryBytes(64L << 20).withWorkload(workload);
    }

    @ParameterizedTest
    @CsvSource({"KVM,LOG", "KVM,RINGS", "MEMORY,LOG"})
    void whatAGuestWaitsForIsCountedWhileItIsMigrated(GuestKind kind, KvmTracking tracking) {
        if (kind == GuestKind.KVM) {
            TestMachines.assumeKvm();
        }
        try (Machine machine = Machines.create(busy(kind), Origin.BOOT, tracking)) {
            RunControl run = new RunControl(machine, new NoArbiter(), RunState.PRELAUNCH);
            try (Migrator migrator = new Migrator(machine, run)) {
                run.cont();
                // Slow enough for the guest to fill its ring within a pass.
                migrator.setParameters(migrator.parameters()
                        .with(MigrationParameter.MAX_BANDWIDTH, 40_000_000)
                        .with(MigrationParameter.DOWNTIME_LIMIT, 0));
                migrator.migrate("exec:cat >/dev/null");
                TestMachines.await(
                        () -> migrator.statistics().waits().trackerCalls().count() > 0, machine);
                if (kind == GuestKind.MEMORY || tracking == KvmTracking.RINGS) {
                    TestMachines.await(() -> vcpuWaits(migrator) > 0, machine);
                }
                assertThat(migrator.statistics().waits().vcpus()).hasSize(1);
                migrator.cancel();
                TestMachines.await(() -> migrator.statistics().status() == MigrationStatus.CANCELLED, machine);
            }
            long ended = machine.workPages();
            assertThat(run.state()).isEqualTo(RunState.RUNNING);
            TestMachines.await(() -> machine.workPages() > ended + 1000, machine);
            run.shutdown();
        }
    }

    private static long vcpuWaits(Migrator migrator) {
        WaitStatistics waits = migrator.statistics().waits();
        return waits.vcpus().stream()
                .mapToLong(LatencyHistogram.Snapshot::count)
                .sum();
    }
}
