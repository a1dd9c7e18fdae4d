// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.engine.Migrator;
import io.godwit.engine.arbiter.NoArbiter;
import io.godwit.engine.guest.RunControl;
import io.godwit.engine.guest.RunState;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.engine.report.MigrationListener;
import io.godwit.engine.settings.Capability;
import io.godwit.engine.settings.MigrationParameter;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.machines.guest.Dimm;
import io.godwit.machines.guest.GuestKind;
import io.godwit.machines.guest.GuestOptions;
import io.godwit.machines.guest.HostPages;
import io.godwit.machines.guest.Machine;
import io.godwit.machines.guest.Origin;
import io.godwit.machines.kvm.KvmTracking;
import io.godwit.machines.memory.MemoryMachine;
import io.godwit.machines.programs.GuestProgram;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Whole machines whose memory comes and goes while they move. */
@Tag("kernel")
final class MachinePlugTest {
    private static final long DIMM = 8L << 20;
    private static final int SWITCH_PASS = 4;
    private static final Set<Capability> POSTCOPY = Set.of(Capability.POSTCOPY_RAM, Capability.POSTCOPY_PREEMPT);

    private static Machine machine(GuestOptions options, Origin origin, String tracking) {
        return switch (tracking) {
            case "MARKS" -> MemoryMachine.create(options, origin, MemoryMachine.Tracking.MARKS);
            case "RINGS" -> Machines.create(options, origin, KvmTracking.RINGS);
            default -> TestMachines.create(options, origin);
        };
    }

    @ParameterizedTest
    @CsvSource({"KVM,LOG", "KVM,RINGS", "MEMORY,KERNEL", "MEMORY,MARKS"})
    void memoryComesAndGoesWhileTheGuestMoves(GuestKind kind, String tracking) throws InterruptedException {
        if (kind == GuestKind.KVM) {
            TestMachines.assumeKvm();
        }
        move(options(kind), tracking, false);
    }

    /** In the passes; and all that came then is missing at the destination when the guest goes on there. */
    @ParameterizedTest
    @CsvSource({"KVM,LOG", "KVM,RINGS", "MEMORY,KERNEL", "MEMORY,MARKS"})
    void memoryComesAndGoesBeforeTheGuestGoesOnByPostcopy(GuestKind kind, String tracking) throws InterruptedException {
        ArrivalTest.assumeFaults(kind);
        move(options(kind), tracking, true);
    }

    /** What is plugged in is of ordinary pages, and the guest's own memory of huge ones. */
    @Test
    void postcopyGoesByTheSizesOfBoth() throws InterruptedException {
        ArrivalTest.assumeFaults(GuestKind.KVM);
        GuestOptions options = options(GuestKind.KVM).withPages(HostPages.HUGE_2M);
        try (HugePagePool _ = HugePagePool.reserve(2 * options.memoryBytes() / HostPages.HUGE_2M.byteLength())) {
            move(options, "LOG", true);
        }
    }

    private static GuestOptions options(GuestKind kind) {
        return TestMachines.options(kind, GuestProgram.DIRTIER).withPluggableBytes(4 * DIMM);
    }

    private static void move(GuestOptions options, String tracking, boolean postcopy) throws InterruptedException {
        try (Machine from = machine(options, Origin.BOOT, tracking);
                Machine to = machine(options, Origin.ARRIVAL, tracking)) {
            RunControl fromRun = new RunControl(from, new NoArbiter(), RunState.PRELAUNCH);
            RunControl toRun = new RunControl(to, new NoArbiter(), RunState.INMIGRATE);
            try (Migrator source = new Migrator(from, fromRun);
                    Migrator destination = new Migrator(to, toRun)) {
                destination.setVerifying(true);
                if (postcopy) {
                    source.setCapabilities(POSTCOPY, Set.of());
                    destination.setCapabilities(POSTCOPY, Set.of());
                    source.setParameters(source.parameters()
                            .with(MigrationParameter.DOWNTIME_LIMIT, 0)
                            .with(MigrationParameter.POSTCOPY_AFTER_PASSES, SWITCH_PASS - 1));
                }
                destination.migrateIncoming("tcp:127.0.0.1:0");
                fromRun.cont();
                RamBlock goes = source.plugRam("goes", DIMM);
                goes.memory().fillRandom(0, DIMM, 1);
                RamBlock stays = source.plugRam("stays", DIMM);
                stays.memory().fillRandom(0, DIMM, 2);
                Plugging plugging = new Plugging(source, from, goes, stays, tracking.equals("KERNEL"), postcopy);
                source.addListener(plugging);
                source.migrate(destination.statistics().listenAddress().orElseThrow());
                assertThat(source.awaitEnd(TestMachines.DEADLINE) && destination.awaitEnd(TestMachines.DEADLINE))
                        .as(() -> source.statistics() + "; " + destination.statistics())
                        .isTrue();
                assertThat(plugging.failures).isEmpty();
                assertThat(destination.statistics().status())
                        .as(() -> source.statistics() + "; " + destination.statistics())
                        .isEqualTo(MigrationStatus.COMPLETED);
                assertThat(destination.digestsAtSwitchover().blockDigests())
                        .isEqualTo(source.digestsAtSwitchover().blockDigests());
                assertThat(places(to)).isEqualTo(places(from)).hasSize(2);
                assertThat(destination.statistics().postcopy().isPresent()).isEqualTo(postcopy);
                for (String name : List.of("stays", "comes")) {
                    NativeMemory there = block(to, name).memory();
                    assertThat(NativeMemory.mismatch(block(from, name).memory(), 0, there, 0, DIMM))
                            .as("first byte of %s that is another", name)
                            .isEqualTo(-1);
                }
                assertThat(block(to, "comes").memory().getLong(3 * 4096)).isEqualTo(0x1234);
                assertThat(block(to, "stays").memory().getLong(7 * 4096)).isEqualTo(77);
                long work = to.workPages();
                TestMachines.await(() -> to.workPages() > work + 8000, to);
                // The destination's guest is one like any other.
                destination.unplugRam(block(to, "stays"));
                RamBlock again = destination.plugRam("again", 2 * DIMM);
                assertThat(again.memory().isZero(0, (int) (2 * DIMM))).isTrue();
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

    private static RamBlock block(Machine machine, String name) {
        return machine.ram().snapshot().find(name).orElseThrow();
    }

    private static List<String> places(Machine machine) {
        return machine.plugged().orElseThrow().dimms().stream()
                .map(MachinePlugTest::place)
                .toList();
    }

    private static String place(Dimm dimm) {
        return dimm.id() + " " + dimm.block() + " at 0x"
                + Long.toHexString(dimm.address().orElseThrow());
    }

    /** Between passes, the guest running: a block comes, another one goes, and what was plugged in is written. */
    private static final class Plugging implements MigrationListener {
        private final Migrator source;
        private final Machine machine;
        private final RamBlock goes;
        private final RamBlock stays;
        private final boolean kernelTracks;
        private final boolean postcopy;
        private final List<Throwable> failures = new CopyOnWriteArrayList<>();

        Plugging(
                Migrator source,
                Machine machine,
                RamBlock goes,
                RamBlock stays,
                boolean kernelTracks,
                boolean postcopy) {
            this.postcopy = postcopy;
            this.source = source;
            this.machine = machine;
            this.goes = goes;
            this.stays = stays;
            this.kernelTracks = kernelTracks;
        }

        @Override
        public void statusChanged(MigrationStatus status) {
            // Passes are what counts.
        }

        @Override
        public void passStarted(int pass) {
            try {
                switch (pass) {
                    case 2 -> {
                        write(source.plugRam("comes", DIMM), 5, 99);
                        write(stays, 7, 77);
                    }
                    case 3 -> {
                        source.unplugRam(goes);
                        write(block(machine, "comes"), 3, 0x1234);
                    }
                    case SWITCH_PASS -> {
                        RamBlock comes = block(machine, "comes");
                        for (long page = 4; postcopy && page < comes.pageCount(); page++) {
                            write(comes, page, page);
                        }
                    }
                    default -> {}
                }
            } catch (RuntimeException | Error e) {
                failures.add(e);
            }
        }

        /** As a guest writes where the kernel sees it; else as its host does. */
        private void write(RamBlock block, long page, long value) {
            block.memory().putLong(page * RamBlock.PAGE_BYTES, value);
            if (!kernelTracks) {
                block.markHostWrite(page);
            }
        }
    }
}
