// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.engine.Migrator;
import io.godwit.engine.arbiter.NoArbiter;
import io.godwit.engine.guest.RunControl;
import io.godwit.engine.guest.RunState;
import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.engine.settings.Capability;
import io.godwit.machines.guest.GuestKind;
import io.godwit.machines.guest.GuestOptions;
import io.godwit.machines.guest.HostPages;
import io.godwit.machines.guest.Machine;
import io.godwit.machines.guest.Origin;
import io.godwit.machines.programs.GuestProgram;
import io.godwit.machines.programs.RamFill;
import io.godwit.machines.programs.Workload;
import io.godwit.machines.programs.WriteOrder;
import java.util.Set;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Whole machines moved by postcopy. */
@Tag("kernel")
final class PostcopyMoveTest {
    private static final Set<Capability> CAPABILITIES = Set.of(Capability.POSTCOPY_RAM, Capability.POSTCOPY_PREEMPT);

    private static GuestOptions options(GuestKind kind, RamFill fill) {
        return TestMachines.options(kind, GuestProgram.STEPPER)
                .withWorkload(new Workload(GuestProgram.STEPPER, 0, 0, WriteOrder.RANDOM, fill, 5));
    }

    @ParameterizedTest
    @EnumSource(names = {"KVM", "MEMORY"})
    void guestGoesOnWithItsMemory(GuestKind kind) throws InterruptedException {
        move(options(kind, RamFill.RANDOM).withCpus(2));
    }

    @ParameterizedTest
    @CsvSource({"KVM,RANDOM", "KVM,ZERO", "MEMORY,ZERO"})
    void guestInHugePagesNeedsNoneBesides(GuestKind kind, RamFill fill) throws InterruptedException {
        GuestOptions options = options(kind, fill).withPages(HostPages.HUGE_2M);
        try (HugePagePool _ = HugePagePool.reserve(2 * options.memoryBytes() / HostPages.HUGE_2M.byteLength())) {
            move(options);
        }
    }

    private static void move(GuestOptions options) throws InterruptedException {
        ArrivalTest.assumeFaults(options.kind());
        try (Machine from = TestMachines.boot(options);
                Machine to = TestMachines.create(options, Origin.ARRIVAL)) {
            RunControl fromRun = new RunControl(from, new NoArbiter(), RunState.PRELAUNCH);
            RunControl toRun = new RunControl(to, new NoArbiter(), RunState.INMIGRATE);
            try (Migrator source = new Migrator(from, fromRun);
                    Migrator destination = new Migrator(to, toRun)) {
                source.setCapabilities(CAPABILITIES, Set.of());
                destination.setCapabilities(CAPABILITIES, Set.of());
                destination.migrateIncoming("tcp:127.0.0.1:0");
                fromRun.cont();
                source.migrate(destination.statistics().listenAddress().orElseThrow());
                source.startPostcopy();
                assertThat(source.awaitEnd(TestMachines.DEADLINE) && destination.awaitEnd(TestMachines.DEADLINE))
                        .as(() -> source.statistics() + "; " + destination.statistics())
                        .isTrue();
                assertThat(destination.statistics().status()).isEqualTo(MigrationStatus.COMPLETED);
                long work = to.workPages();
                TestMachines.await(() -> to.workPages() > work + 8000, to);
                toRun.stop();
                assertThat(to.mismatches())
                        .as(() -> "first: " + to.firstMismatch())
                        .isZero();
            } finally {
                fromRun.shutdown();
                toRun.shutdown();
            }
        }
    }
}
