// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.engine.Migrator;
import io.godwit.engine.arbiter.NoArbiter;
import io.godwit.engine.guest.RunControl;
import io.godwit.engine.guest.RunState;
import io.godwit.engine.memory.PageDigests;
import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.engine.report.FreePageStatistics;
import io.godwit.engine.settings.Capability;
import io.godwit.engine.settings.MigrationParameter;
import io.godwit.engine.settings.MigrationParameters;
import io.godwit.machines.guest.GuestKind;
import io.godwit.machines.guest.GuestOptions;
import io.godwit.machines.guest.Machine;
import io.godwit.machines.guest.Origin;
import io.godwit.machines.programs.GuestProgram;
import io.godwit.machines.programs.RamFill;
import io.godwit.machines.programs.Workload;
import io.godwit.machines.programs.WriteOrder;
import java.util.Set;
import java.util.UUID;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Guests that are asked for their free pages, moved. */
@Tag("kernel")
final class BalloonerMoveTest {
    private static final long MEMORY = 64L << 20;
    private static final long WORKING_SET = 4L << 20;

    private static GuestOptions options(GuestKind kind, int cpus) {
        return GuestOptions.defaults()
                .withKind(kind)
                .withMemoryBytes(MEMORY)
                .withCpus(cpus)
                .withWorkload(new Workload(
                        GuestProgram.BALLOONER, WORKING_SET, 50_000, WriteOrder.SWEEP, RamFill.RANDOM, 4711));
    }

    @ParameterizedTest
    @CsvSource({"KVM,1", "KVM,3", "MEMORY,1", "MEMORY,3"})
    void itTakesPagesGivesThemUpAndFindsWhatItWrote(GuestKind kind, int cpus) {
        GuestOptions options = TestMachines.unlimited(options(kind, cpus)).withMemoryBytes(16L << 20);
        try (Machine machine = TestMachines.boot(options)) {
            machine.vcpus().resume();
            // Half of the 2560 free pages are in use after 16 beats each, and a beat comes after 128 pages.
            TestMachines.await(() -> machine.workPages() > 4_000_000, machine);
            machine.vcpus().pause(TestMachines.DEADLINE);
            assertSound(machine);
        }
    }

    @ParameterizedTest
    @CsvSource({"KVM,1", "KVM,2", "MEMORY,1", "MEMORY,2"})
    void freePagesAreLeftOutAndTheRestIsTheSame(GuestKind kind, int cpus) throws InterruptedException {
        move(options(kind, cpus), Set.of());
    }

    @ParameterizedTest
    @EnumSource(names = {"KVM", "MEMORY"})
    void inPostcopyEveryPageComes(GuestKind kind) throws InterruptedException {
        ArrivalTest.assumeFaults(kind);
        move(options(kind, 1), Set.of(Capability.POSTCOPY_RAM));
    }

    @ParameterizedTest
    @EnumSource(names = {"KVM", "MEMORY"})
    void whoNeverAnswersIsMovedAsIfNobodyHadAsked(GuestKind kind) throws InterruptedException {
        GuestOptions options = options(kind, 1);
        Workload dirtier =
                new Workload(GuestProgram.DIRTIER, WORKING_SET, 50_000, WriteOrder.SWEEP, RamFill.RANDOM, 4711);
        move(options.withWorkload(dirtier.withMute(true)), Set.of());
    }

    private static void move(GuestOptions options, Set<Capability> capabilities) throws InterruptedException {
        try (Machine from = TestMachines.boot(options);
                Machine to = TestMachines.create(options.withUuid(UUID.randomUUID()), Origin.ARRIVAL)) {
            RunControl fromRun = new RunControl(from, new NoArbiter(), RunState.PRELAUNCH);
            RunControl toRun = new RunControl(to, new NoArbiter(), RunState.INMIGRATE);
            try (Migrator source = new Migrator(from, fromRun);
                    Migrator destination = new Migrator(to, toRun)) {
                source.setCapabilities(capabilities, Set.of());
                destination.setCapabilities(capabilities, Set.of());
                destination.setVerifying(true);
                // Slow enough for the guest to be heard within the first pass.
                source.setParameters(MigrationParameters.DEFAULTS
                        .with(MigrationParameter.MAX_BANDWIDTH, 64L << 20)
                        .with(MigrationParameter.POSTCOPY_AFTER_PASSES, 1));
                destination.migrateIncoming("tcp:127.0.0.1:0");
                fromRun.cont();
                TestMachines.await(() -> from.workPages() > 1000, from);
                source.migrate(destination.statistics().listenAddress().orElseThrow());
                assertThat(source.awaitEnd(TestMachines.DEADLINE) && destination.awaitEnd(TestMachines.DEADLINE))
                        .as(() -> source.statistics() + "; " + destination.statistics())
                        .isTrue();
                assertThat(destination.statistics().status())
                        .as(() -> source.statistics() + "; " + destination.statistics())
                        .isEqualTo(MigrationStatus.COMPLETED);
                FreePageStatistics free = source.statistics().ram().freePages().orElseThrow();
                boolean answers = !options.workload().mute();
                assertThat(free.hinted() > 0).as(free::toString).isEqualTo(answers);
                assertThat(free.refused()).as(free::toString).isZero();
                if (capabilities.isEmpty()) {
                    assertThat(free.leftOut() > 0).as(free::toString).isEqualTo(answers);
                    assertThat(destination.digestsAtSwitchover().blockDigests())
                            .isEqualTo(source.digestsAtSwitchover().blockDigests())
                            .extracting(PageDigests.BlockDigest::missingPages)
                            .containsExactly(free.leftOut());
                } else {
                    assertThat(free.leftOut()).as(free::toString).isZero();
                }
                long work = to.workPages();
                TestMachines.await(() -> to.workPages() > work + 20_000, to);
                toRun.stop();
                assertSound(to);
            } finally {
                fromRun.shutdown();
                toRun.shutdown();
            }
        }
    }

    private static void assertSound(Machine machine) {
        assertThat(machine.failure()).isEmpty();
        assertThat(machine.mismatches())
                .as(() -> "first: " + machine.firstMismatch())
                .isZero();
    }
}
