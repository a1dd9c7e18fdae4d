// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.engine.MigrationListener;
import io.godwit.engine.MigrationStatus;
import io.godwit.engine.Migrator;
import io.godwit.engine.arbiter.NoArbiter;
import io.godwit.engine.guest.RunControl;
import io.godwit.engine.guest.RunState;
import io.godwit.engine.memory.RamBlock;
import io.godwit.machines.guest.Dimm;
import io.godwit.machines.guest.GuestKind;
import io.godwit.machines.guest.GuestOptions;
import io.godwit.machines.guest.Machine;
import io.godwit.machines.guest.Origin;
import io.godwit.machines.kvm.KvmTracking;
import io.godwit.machines.memory.MemoryMachine;
import io.godwit.machines.programs.GuestProgram;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Whole machines whose memory comes and goes while they move. */
@Tag("kernel")
final class MachinePlugTest {
    private static final long DIMM = 8L << 20;

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
        GuestOptions options = TestMachines.options(kind, GuestProgram.DIRTIER).withPluggableBytes(4 * DIMM);
        try (Machine from = machine(options, Origin.BOOT, tracking);
                Machine to = machine(options, Origin.ARRIVAL, tracking)) {
            RunControl fromRun = new RunControl(from, new NoArbiter(), RunState.PRELAUNCH);
            RunControl toRun = new RunControl(to, new NoArbiter(), RunState.INMIGRATE);
            try (Migrator source = new Migrator(from, fromRun);
                    Migrator destination = new Migrator(to, toRun)) {
                destination.setVerifying(true);
                destination.migrateIncoming("tcp:127.0.0.1:0");
                fromRun.cont();
                RamBlock goes = source.plugRam("goes", DIMM);
                goes.memory().fillRandom(0, DIMM, 1);
                RamBlock stays = source.plugRam("stays", DIMM);
                stays.memory().fillRandom(0, DIMM, 2);
                Plugging plugging = new Plugging(source, from, goes, stays, tracking.equals("KERNEL"));
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
                assertThat(to.ram()
                                .snapshot()
                                .find("comes")
                                .orElseThrow()
                                .memory()
                                .getLong(3 * 4096))
                        .isEqualTo(0x1234);
                long work = to.workPages();
                TestMachines.await(() -> to.workPages() > work + 8000, to);
                // The destination's guest is one like any other.
                destination.unplugRam(to.ram().snapshot().find("stays").orElseThrow());
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
        private final List<Throwable> failures = new CopyOnWriteArrayList<>();

        Plugging(Migrator source, Machine machine, RamBlock goes, RamBlock stays, boolean kernelTracks) {
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
                        write(machine.ram().snapshot().find("comes").orElseThrow(), 3, 0x1234);
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
