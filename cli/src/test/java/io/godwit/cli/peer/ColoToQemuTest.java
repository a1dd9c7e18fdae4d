// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.peer;

import static io.godwit.cli.peer.QemuProcess.PATIENCE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.godwit.engine.outcome.GuestOwner;
import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.engine.report.ColoMode;
import io.godwit.engine.report.ColoStatistics;
import io.godwit.engine.settings.Capability;
import io.godwit.engine.settings.MigrationParameter;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A QEMU is the secondary of a Godwit: it takes checkpoints, has the primary's memory, and takes its place. */
@Tag("peer")
@Timeout(120)
class ColoToQemuTest {
    private static final int MEMORY_MEBIBYTES = 16;
    private static final long MEMORY_BYTES = (long) MEMORY_MEBIBYTES << 20;

    @TempDir
    Path directory = Path.of("");

    @BeforeEach
    void needsQemu() {
        Optional<String> missing = QemuProcess.missing();
        assumeTrue(missing.isEmpty(), () -> missing.orElse(""));
    }

    private QemuProcess startSecondary() throws Exception {
        QemuProcess qemu = QemuProcess.start(
                directory, "qemu", List.of("-M", "none", "-m", MEMORY_MEBIBYTES + "M", "-incoming", "defer"));
        qemu.capability("x-colo", true);
        qemu.execute("migrate-incoming", "{\"uri\": \"tcp:127.0.0.1:0\"}");
        return qemu;
    }

    private static void protect(BareSource primary, QemuProcess qemu, boolean returnPath) throws Exception {
        primary.migrator.setCapability(Capability.X_COLO, true);
        primary.migrator.setCapability(Capability.RETURN_PATH, returnPath);
        primary.migrator.setParameters(primary.migrator.parameters().with(MigrationParameter.CHECKPOINT_DELAY, 20));
        primary.migrator.migrate("tcp:127.0.0.1:" + qemu.query("query-migrate", "port"));
        awaitCheckpoints(primary, 5);
    }

    private static ColoStatistics colo(BareSource primary) {
        return primary.migrator.statistics().colo().orElse(ColoStatistics.NONE);
    }

    private static void awaitCheckpoints(BareSource primary, long more) {
        long from = colo(primary).checkpoints();
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (colo(primary).checkpoints() < from + more) {
            assertThat(primary.migrator.statistics().status().isEnded())
                    .as(primary.migrator.statistics().toString())
                    .isFalse();
            assertThat(System.nanoTime() - deadline)
                    .as("checkpoints, " + primary.migrator.statistics())
                    .isNegative();
            Thread.onSpinWait();
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void qemuTakesCheckpointsAndThenThePlaceOfThePrimary(boolean returnPath) throws Exception {
        try (BareSource primary = new BareSource(BareGuest.withMemory(MEMORY_BYTES));
                QemuProcess qemu = startSecondary()) {
            protect(primary, qemu, returnPath);
            assertThat(qemu.execute("query-colo-status")).contains("\"mode\": \"secondary\"");
            assertThat(qemu.query("query-migrate", "status")).isEqualTo("colo");
            // The last checkpoint has all that a guest that stands still will ever have.
            primary.run.stop();
            awaitCheckpoints(primary, 2);
            primary.migrator.close();
            assertThat(primary.migrator.statistics().owner()).contains(GuestOwner.UNDECIDED);

            qemu.execute("x-colo-lost-heartbeat");
            String _ = qemu.awaitEvent("COLO_EXIT", PATIENCE, "\"mode\": \"secondary\"");
            qemu.awaitMigration("completed", PATIENCE);
            Path saved = directory.resolve("saved");
            qemu.execute("stop");
            qemu.savePhysicalMemory(0, MEMORY_BYTES, saved);
            assertThat(SavedMemory.differingPages(saved, primary.guest.memory()))
                    .as("pages that differ, of " + MEMORY_BYTES / 4096)
                    .isEmpty();
        }
    }

    @Test
    void aQemuThatDiesLeavesThePrimaryToWhomeverKnows() throws Exception {
        try (BareSource primary = new BareSource(BareGuest.withMemory(MEMORY_BYTES));
                QemuProcess qemu = startSecondary()) {
            protect(primary, qemu, true);
            qemu.kill();
            long deadline = System.nanoTime() + PATIENCE.toNanos();
            while (primary.migrator.statistics().error().isEmpty()) {
                assertThat(System.nanoTime() - deadline).as("the loss is told").isNegative();
                Thread.onSpinWait();
            }
            assertThat(primary.migrator.statistics().error().orElseThrow())
                    .contains("shares no token", "x-colo-lost-heartbeat");
            primary.assertRuns();
            primary.migrator.failOver();
            assertThat(primary.outcome().status()).isEqualTo(MigrationStatus.COMPLETED);
            assertThat(colo(primary).lastMode()).isEqualTo(ColoMode.PRIMARY);
            primary.assertRunsHere();
        }
    }
}
