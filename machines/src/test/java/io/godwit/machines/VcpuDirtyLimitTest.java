// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;

import io.godwit.engine.Migrator;
import io.godwit.engine.arbiter.NoArbiter;
import io.godwit.engine.guest.RunControl;
import io.godwit.engine.guest.RunState;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.engine.tracking.DirtyRate.Stage;
import io.godwit.engine.tracking.DirtyRateMode;
import io.godwit.engine.tracking.DirtyRateRequest;
import io.godwit.engine.tracking.VcpuDirtyLimit;
import io.godwit.machines.guest.GuestKind;
import io.godwit.machines.guest.GuestOptions;
import io.godwit.machines.guest.Machine;
import io.godwit.machines.guest.Origin;
import io.godwit.machines.kvm.KvmTracking;
import io.godwit.machines.programs.GuestProgram;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalLong;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Limits of real guests' vCPUs, by every tracker, and beside a migration. */
@Tag("kernel")
final class VcpuDirtyLimitTest {
    private static GuestOptions twoDirtiers(GuestKind kind) {
        return TestMachines.options(kind, GuestProgram.DIRTIER).withCpus(2);
    }

    private static Machine create(GuestKind kind, Origin origin, KvmTracking tracking) {
        if (kind == GuestKind.KVM) {
            TestMachines.assumeKvm();
        }
        return Machines.create(twoDirtiers(kind), origin, tracking);
    }

    /** A guest that runs, with what limits it. */
    private record Running(Machine machine, RunControl run, Migrator migrator) implements AutoCloseable {
        static Running of(GuestKind kind, KvmTracking tracking) {
            Machine machine = create(kind, Origin.BOOT, tracking);
            RunControl run = new RunControl(machine, new NoArbiter(), RunState.PRELAUNCH);
            Migrator migrator = new Migrator(machine, run);
            run.cont();
            return new Running(machine, run, migrator);
        }

        long[] taken() {
            return machine.vcpus().throttledNanos();
        }

        @Override
        public void close() {
            migrator.close();
            run.shutdown();
            machine.close();
        }
    }

    @Test
    void onlyWhoIsLimitedLosesTimeUntilTheLimitIsCancelled() {
        try (Running guest = Running.of(GuestKind.KVM, KvmTracking.RINGS)) {
            guest.migrator().setVcpuDirtyLimit(OptionalLong.of(1), 1);
            TestMachines.await(() -> guest.taken()[1] > 0, guest.machine());
            assertThat(guest.taken()[0]).isZero();
            assertThat(guest.migrator().vcpuDirtyLimits())
                    .extracting(VcpuDirtyLimit::vcpu, VcpuDirtyLimit::mebibytesPerSecond)
                    .containsExactly(tuple(1, 1L));
            guest.migrator().cancelVcpuDirtyLimit(OptionalLong.empty());
            guest.run().stop();
            long taken = guest.taken()[1];
            guest.run().cont();
            long work = guest.machine().workPages();
            TestMachines.await(() -> guest.machine().workPages() > work + 1000, guest.machine());
            guest.run().stop();
            assertThat(guest.taken()[1]).as("it has its time again").isEqualTo(taken);
            assertThat(guest.machine().mismatches()).isZero();
        }
    }

    @ParameterizedTest
    @CsvSource({"KVM,LOG", "KVM,RINGS", "MEMORY,LOG"})
    void aLimitedGuestMovesWithoutLosingAPage(GuestKind kind, KvmTracking tracking) throws InterruptedException {
        try (Running from = Running.of(kind, tracking);
                Machine to = create(kind, Origin.ARRIVAL, tracking)) {
            RunControl toRun = new RunControl(to, new NoArbiter(), RunState.INMIGRATE);
            try (Migrator destination = new Migrator(to, toRun)) {
                assertThatThrownBy(() -> destination.setVcpuDirtyLimit(OptionalLong.empty(), 1))
                        .isInstanceOf(MigrationException.Refused.class)
                        .hasMessageContaining("memory is not here yet");
                from.migrator().setVcpuDirtyLimit(OptionalLong.empty(), 1);
                TestMachines.await(() -> Arrays.stream(from.taken()).allMatch(nanos -> nanos > 0), from.machine());
                destination.setVerifying(true);
                destination.migrateIncoming("tcp:127.0.0.1:0");
                from.migrator().migrate(destination.statistics().listenAddress().orElseThrow());
                assertThat(from.migrator().awaitEnd(TestMachines.DEADLINE)
                                && destination.awaitEnd(TestMachines.DEADLINE))
                        .as(() -> from.migrator().statistics() + "; " + destination.statistics())
                        .isTrue();
                assertThat(destination.statistics().status()).isEqualTo(MigrationStatus.COMPLETED);
                assertThat(from.migrator().digestsAtSwitchover().blockDigests())
                        .isEqualTo(destination.digestsAtSwitchover().blockDigests());
                assertThat(from.migrator().vcpuDirtyLimits())
                        .as("they stay here")
                        .hasSize(2);
                assertThat(destination.vcpuDirtyLimits()).isEmpty();
                destination.setVcpuDirtyLimit(OptionalLong.of(0), 1);
                TestMachines.await(() -> to.vcpus().throttledNanos()[0] > 0, to);
                toRun.stop();
                assertThat(to.mismatches())
                        .as(() -> "first: " + to.firstMismatch())
                        .isZero();
            } finally {
                toRun.shutdown();
            }
        }
    }

    @Test
    void theTrackerHasOneUser() {
        DirtyRateRequest request = new DirtyRateRequest(DirtyRateMode.DIRTY_BITMAP, 60_000, 0, List.of());
        try (Running guest = Running.of(GuestKind.MEMORY, KvmTracking.LOG)) {
            guest.migrator().calcDirtyRate(request);
            guest.migrator().setVcpuDirtyLimit(OptionalLong.of(0), 1);
            assertThat(guest.migrator().dirtyRate().stage())
                    .as("the measurement has ended for it")
                    .isNotInstanceOf(Stage.Measuring.class);
            assertThatThrownBy(() -> guest.migrator().calcDirtyRate(request))
                    .isInstanceOf(MigrationException.Refused.class)
                    .hasMessageContaining("query-vcpu-dirty-limit");
            guest.migrator().setVcpuDirtyLimit(OptionalLong.of(0), 0);
            guest.migrator().calcDirtyRate(request);
            assertThat(guest.migrator().dirtyRate().stage()).isInstanceOf(Stage.Measuring.class);
        }
    }

    @ParameterizedTest
    @CsvSource({"-1", "2", "9223372036854775807"})
    void thereIsNoSuchVcpu(long vcpu) {
        try (Running guest = Running.of(GuestKind.MEMORY, KvmTracking.LOG)) {
            assertThatThrownBy(() -> guest.migrator().setVcpuDirtyLimit(OptionalLong.of(vcpu), 1))
                    .isInstanceOf(MigrationException.Refused.class)
                    .hasMessage("incorrect cpu index specified");
            assertThatThrownBy(() -> guest.migrator().cancelVcpuDirtyLimit(OptionalLong.of(vcpu)))
                    .isInstanceOf(MigrationException.Refused.class)
                    .hasMessage("incorrect cpu index specified");
            assertThat(guest.migrator().vcpuDirtyLimits()).isEmpty();
        }
    }
}
