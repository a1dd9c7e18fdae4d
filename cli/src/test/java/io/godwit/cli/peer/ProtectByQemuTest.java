// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.peer;

import static io.godwit.cli.peer.QemuProcess.PATIENCE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.godwit.control.QmpAddress;
import io.godwit.control.QmpServer;
import io.godwit.engine.arbiter.NoArbiter;
import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.host.MachineHost;
import io.godwit.machines.Machines;
import io.godwit.machines.guest.GuestKind;
import io.godwit.machines.guest.GuestOptions;
import io.godwit.machines.guest.Machine;
import io.godwit.machines.guest.Origin;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** {@code godwit protect} with a QEMU at one end or at both. */
@Tag("peer")
@Timeout(120)
class ProtectByQemuTest {
    private static final long MEMORY_BYTES = 16L << 20;

    @TempDir
    Path directory = Path.of("");

    @BeforeEach
    void needsQemu() {
        Optional<String> missing = QemuProcess.missing();
        assumeTrue(missing.isEmpty(), () -> missing.orElse(""));
    }

    private QemuProcess start(String name, String... besides) throws Exception {
        List<String> arguments = new ArrayList<>(List.of("-M", "none", "-m", "16M"));
        arguments.addAll(List.of(besides));
        return QemuProcess.start(directory, name, arguments);
    }

    @Test
    void aQemuThatWaitsBecomesTheSecondaryOfAGodwit() throws Exception {
        QmpAddress address = new QmpAddress.Unix(directory.resolve("primary.qmp"));
        try (BareSource primary = new BareSource(BareGuest.withMemory(MEMORY_BYTES));
                QmpServer server = QmpServer.open(address, new BareHost(primary));
                QemuProcess qemu = start("qemu", "-incoming", "defer")) {
            GodwitProcess protect = GodwitProcess.run(
                    directory,
                    PATIENCE,
                    "protect",
                    "--qmp",
                    server.address().toString(),
                    "--secondary",
                    qemu.qmpAddress(),
                    "--delay",
                    "50ms");
            assertThat(protect.err()).isEmpty();
            assertThat(protect.status()).isZero();
            assertThat(protect.out()).contains("A QEMU has no token", "is protected by", "after the next checkpoint");
            assertThat(primary.migrator.statistics().status()).isEqualTo(MigrationStatus.COLO);
            assertThat(qemu.execute("query-colo-status")).contains("\"mode\": \"secondary\"");
            primary.migrator.failOver();
            assertThat(primary.outcome().status()).isEqualTo(MigrationStatus.COMPLETED);
        }
    }

    @Test
    void anOpaqueGodwitBecomesTheSecondaryOfAnOldQemu() throws Exception {
        Optional<String> missing = QemuProcess.oldMissing();
        assumeTrue(missing.isEmpty(), () -> missing.orElse(""));
        Machine opaque = Machines.create(GuestOptions.defaults().withKind(GuestKind.OPAQUE), Origin.ARRIVAL);
        QmpAddress address = new QmpAddress.Unix(directory.resolve("secondary.qmp"));
        try (MachineHost host = new MachineHost(opaque, new NoArbiter(), Origin.ARRIVAL, false);
                QmpServer server = QmpServer.open(address, host);
                QemuProcess qemu =
                        QemuProcess.startOld(directory, "qemu", List.of("-M", "pc,accel=tcg", "-m", "16M"))) {
            GodwitProcess protect = GodwitProcess.run(
                    directory,
                    PATIENCE,
                    "protect",
                    "--qmp",
                    qemu.qmpAddress(),
                    "--secondary",
                    server.address().toString());
            assertThat(protect.err()).isEmpty();
            assertThat(protect.status()).isZero();
            assertThat(protect.out()).contains("cannot run it", "is protected by");
            assertThat(host.migration().statistics().status()).isEqualTo(MigrationStatus.COLO);
        }
    }

    @Test
    void aQemuThatIsBrokenAsAPrimaryIsRefusedBeforeAnythingStarts() throws Exception {
        try (QemuProcess primary = start("primary");
                QemuProcess secondary = start("secondary", "-incoming", "defer")) {
            GodwitProcess protect = GodwitProcess.run(
                    directory,
                    PATIENCE,
                    "protect",
                    "--check",
                    "--qmp",
                    primary.qmpAddress(),
                    "--secondary",
                    secondary.qmpAddress());
            String version = primary.execute("query-version");
            boolean broken = version.matches("(?s).*\"micro\": [0-6], \"minor\": 0, \"major\": 10.*");
            assertThat(protect.status()).as(protect.out()).isEqualTo(broken ? 1 : 0);
            assertThat(protect.out().contains("10.0.7 and later do")).isEqualTo(broken);
            assertThat(secondary.query("query-status", "status")).isEqualTo("inmigrate");
        }
    }
}
