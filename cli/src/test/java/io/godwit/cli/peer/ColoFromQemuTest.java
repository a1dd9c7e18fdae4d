// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.peer;

import static io.godwit.cli.peer.QemuProcess.PATIENCE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.godwit.engine.Migrator;
import io.godwit.engine.arbiter.NoArbiter;
import io.godwit.engine.guest.Arrival;
import io.godwit.engine.guest.Guest;
import io.godwit.engine.guest.RunControl;
import io.godwit.engine.guest.RunState;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.memory.RamBlocks;
import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.engine.report.ColoStatistics;
import io.godwit.engine.settings.Capability;
import io.godwit.machines.opaque.OpaqueGuest;
import io.godwit.stream.Bytes;
import io.godwit.stream.DeviceSection;
import io.godwit.stream.RamBlockEntry;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * A Godwit that only keeps is the secondary of a QEMU: what it has after a checkpoint is what QEMU's guest was. QEMU
 * 7.2, because 10.0 before 10.0.7 does not become a primary.
 */
@Tag("peer")
@Timeout(240)
class ColoFromQemuTest {
    private static final int MEMORY_MEBIBYTES = 256;

    @TempDir
    Path directory = Path.of("");

    @BeforeEach
    void needsOldQemu() {
        Optional<String> missing = QemuProcess.oldMissing();
        assumeTrue(missing.isEmpty(), () -> missing.orElse(""));
    }

    /** Keeps a guest, and stops at each checkpoint until the test has looked: QEMU's guest stands still so long. */
    private record Kept(OpaqueGuest opaque, Semaphore whole, Semaphore looked) implements Arrival {
        @Override
        public UUID identity() {
            return opaque.identity();
        }

        @Override
        public void assumeIdentity(UUID identity) {
            opaque.assumeIdentity(identity);
        }

        @Override
        public RamBlocks ram() {
            return opaque.ram();
        }

        @Override
        public void acceptMachine(String arriving) {
            opaque.acceptMachine(arriving);
        }

        @Override
        public void acceptRam(List<RamBlockEntry> arriving) {
            opaque.acceptRam(arriving);
        }

        @Override
        public void acceptDevices(List<DeviceSection> arriving) {
            opaque.acceptDevices(arriving);
        }

        @Override
        public void acceptOpaqueDevices(Bytes sections) {
            opaque.acceptOpaqueDevices(sections);
            whole.release();
            looked.acquireUninterruptibly();
        }

        @Override
        public boolean faultsInKernel() {
            return false;
        }

        @Override
        public Optional<Guest> guest() {
            return Optional.empty();
        }
    }

    @Test
    void aCheckpointIsWhatQemuHas() throws Exception {
        Path qemusRam = directory.resolve("ram");
        // A firmware that finds nothing to boot: of a guest that writes much QEMU 7.2 does not send every page.
        List<String> machine = List.of(
                "-machine",
                "pc,accel=tcg,memory-backend=pc.ram",
                "-m",
                MEMORY_MEBIBYTES + "M",
                "-object",
                "memory-backend-file,id=pc.ram,share=on,size=" + MEMORY_MEBIBYTES + "M,mem-path=" + qemusRam);
        Kept kept = new Kept(new OpaqueGuest(1L << 30), new Semaphore(0), new Semaphore(0));
        RunControl run = new RunControl(kept, new NoArbiter(), RunState.INMIGRATE);
        Migrator migrator = new Migrator(kept, run);
        try (QemuProcess qemu = QemuProcess.startOld(directory, "qemu", machine)) {
            migrator.setCapability(Capability.X_COLO, true);
            migrator.migrateIncoming("tcp:127.0.0.1:0");
            qemu.capability("x-colo", true);
            qemu.parameters("\"x-checkpoint-delay\": 300, \"max-bandwidth\": 0");
            qemu.migrate(migrator.statistics().listenAddress().orElseThrow());
            qemu.awaitMigration("colo", PATIENCE);
            assertThat(kept.whole().tryAcquire(PATIENCE.toSeconds(), TimeUnit.SECONDS))
                    .as("a checkpoint comes, " + migrator.statistics())
                    .isTrue();
            assertThat(migrator.statistics().status()).isEqualTo(MigrationStatus.COLO);
            RamBlock ram = kept.ram().snapshot().find("pc.ram").orElseThrow();
            // QEMU 7.2 answers no pmemsave while it waits for its secondary, so its memory is looked at from outside.
            assertThat(SavedMemory.differingPages(qemusRam, ram.memory()))
                    .as("pages that differ, of " + ram.pageCount())
                    .isEmpty();
            assertThat(kept.opaque().opaqueDevices().byteLength()).isGreaterThan(1000);
            kept.looked().release();
            // QEMU 7.2 as a primary may give up after some: what it gave is whole.
            long deadline = System.nanoTime() + PATIENCE.toNanos();
            while (migrator.statistics().colo().orElse(ColoStatistics.NONE).checkpoints() < 1) {
                assertThat(System.nanoTime() - deadline).isNegative();
                Thread.onSpinWait();
            }
            kept.looked().release(1000);
            qemu.kill();
            deadline = System.nanoTime() + PATIENCE.toNanos();
            while (migrator.statistics().error().isEmpty()) {
                assertThat(System.nanoTime() - deadline).isNegative();
                Thread.onSpinWait();
            }
            assertThat(migrator.statistics().error().orElseThrow()).contains("shares no token");
            migrator.failOver();
            assertThat(migrator.awaitEnd(PATIENCE)).isTrue();
            assertThat(migrator.statistics().status()).isEqualTo(MigrationStatus.COMPLETED);
            assertThat(run.state()).isEqualTo(RunState.PAUSED);
        } finally {
            kept.looked().release(1000);
            migrator.close();
            run.shutdown();
            kept.opaque().close();
        }
    }
}
