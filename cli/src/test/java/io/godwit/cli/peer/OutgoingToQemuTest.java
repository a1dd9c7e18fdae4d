// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.peer;

import static io.godwit.cli.peer.QemuProcess.PATIENCE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.godwit.engine.guest.RunState;
import io.godwit.engine.outcome.GuestOwner;
import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.engine.report.MigrationListener;
import io.godwit.engine.report.MigrationStatistics;
import io.godwit.engine.settings.Capability;
import io.godwit.engine.settings.MigrationParameter;
import io.godwit.engine.settings.MigrationParameters;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What Godwit's source sends, QEMU's destination takes, or refuses, or dies of; and who has the guest then. */
@Tag("peer")
@Timeout(120)
class OutgoingToQemuTest {
    private static final int MEMORY_MEBIBYTES = 16;
    private static final long MEMORY_BYTES = (long) MEMORY_MEBIBYTES << 20;

    @TempDir
    Path directory = Path.of("");

    @BeforeEach
    void needsQemu() {
        Optional<String> missing = QemuProcess.missing();
        assumeTrue(missing.isEmpty(), () -> missing.orElse(""));
    }

    @Test
    void aGuestWithoutMemoryAndDevicesIsTaken() throws Exception {
        try (BareSource source = new BareSource(BareGuest.withoutMemory());
                QemuProcess qemu = startQemu(0)) {
            source.migrator.migrate(listen(qemu, "tcp:127.0.0.1:0"));

            assertHandedOver(source, qemu);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"tcp", "unix"})
    void aGuestThatWritesArrivesPageByPage(String transport) throws Exception {
        try (BareSource source = new BareSource(BareGuest.withMemory(MEMORY_BYTES));
                QemuProcess qemu = startQemu(MEMORY_MEBIBYTES)) {
            String uri = transport.equals("tcp") ? "tcp:127.0.0.1:0" : "unix:" + directory.resolve("stream");
            source.migrator.migrate(listen(qemu, uri));

            assertHandedOver(source, qemu);
            Path saved = directory.resolve("saved");
            qemu.savePhysicalMemory(0, MEMORY_BYTES, saved);
            assertThat(SavedMemory.differingPages(saved, source.guest.memory()))
                    .as("pages that differ, of " + MEMORY_BYTES / 4096)
                    .isEmpty();
        }
    }

    /** QEMU is asked whether it can follow, answers the PING like any other, and gets one list. */
    @Test
    void towardsAQemuMemoryStaysAsItIs() throws Exception {
        try (BareSource source =
                        new BareSource(BareGuest.withMemory(MEMORY_BYTES).pluggable());
                QemuProcess qemu = startQemu(MEMORY_MEBIBYTES)) {
            List<String> refusals = new CopyOnWriteArrayList<>();
            source.migrator.addListener(new MigrationListener() {
                @Override
                public void statusChanged(MigrationStatus status) {}

                @Override
                public void passStarted(int pass) {
                    if (pass == 2) {
                        refusals.add(String.valueOf(catchThrowable(() -> source.migrator.plugRam("more", 1 << 20))));
                    }
                }
            });
            source.migrator.migrate(listen(qemu, "tcp:127.0.0.1:0"));

            assertHandedOver(source, qemu);
            assertThat(refusals).hasSize(1);
            assertThat(refusals.getFirst())
                    .contains("Refused", "has a destination that cannot follow", "The guest is here and runs on");
        }
    }

    @Test
    void aGuestThatQemuRefusesRunsOnHere() throws Exception {
        try (BareSource source = new BareSource(BareGuest.withStrangeDevice());
                QemuProcess qemu = startQemu(0)) {
            source.migrator.migrate(listen(qemu, "tcp:127.0.0.1:0"));

            assertThat(source.outcome().error().orElseThrow()).contains("refused the guest with status 1");
            source.assertRunsHere();
        }
    }

    @Test
    void aGuestOfAnotherMachineTypeRunsOnHere() throws Exception {
        try (BareSource source = new BareSource(BareGuest.ofMachine("godwit-bare"));
                QemuProcess qemu = startQemu(0)) {
            source.migrator.migrate(listen(qemu, "tcp:127.0.0.1:0"));

            assertThat(source.outcome().status()).isEqualTo(MigrationStatus.FAILED);
            source.assertRunsHere();
        }
    }

    @Test
    void aGuestWithMoreMemoryThanQemuHasForItRunsOnHere() throws Exception {
        try (BareSource source = new BareSource(BareGuest.withMemory(2 * MEMORY_BYTES));
                QemuProcess qemu = startQemu(MEMORY_MEBIBYTES)) {
            source.migrator.migrate(listen(qemu, "tcp:127.0.0.1:0"));

            assertThat(source.outcome().status()).isEqualTo(MigrationStatus.FAILED);
            source.assertRunsHere();
        }
    }

    @Test
    void aQemuThatDiesWhileMemoryIsOnItsWayDoesNotTouchTheGuest() throws Exception {
        try (BareSource source = new BareSource(BareGuest.withMemory(MEMORY_BYTES));
                QemuProcess qemu = startQemu(MEMORY_MEBIBYTES)) {
            CountDownLatch active = source.latchOn(MigrationStatus.ACTIVE);
            source.migrator.setParameters(MigrationParameters.DEFAULTS.with(MigrationParameter.MAX_BANDWIDTH, 1 << 20));
            source.migrator.migrate(listen(qemu, "tcp:127.0.0.1:0"));
            assertThat(active.await(PATIENCE.toSeconds(), TimeUnit.SECONDS)).isTrue();
            qemu.kill();

            assertThat(source.outcome().status()).isEqualTo(MigrationStatus.FAILED);
            source.assertRunsHere();
        }
    }

    @Test
    void aQemuThatDiesBeforeTheSwitchoverGivesTheGuestBack() throws Exception {
        try (BareSource source = new BareSource(BareGuest.withMemory(MEMORY_BYTES));
                QemuProcess qemu = startQemu(MEMORY_MEBIBYTES)) {
            CountDownLatch stopped = source.latchOn(MigrationStatus.PRE_SWITCHOVER);
            source.migrator.setCapability(Capability.PAUSE_BEFORE_SWITCHOVER, true);
            source.migrator.migrate(listen(qemu, "tcp:127.0.0.1:0"));
            assertThat(stopped.await(PATIENCE.toSeconds(), TimeUnit.SECONDS)).isTrue();
            qemu.kill();

            assertThat(source.outcome().status()).isEqualTo(MigrationStatus.FAILED);
            source.assertRunsHere();
        }
    }

    /** QEMU knows no token: once it has every byte, only its answer could tell. */
    @Test
    void aQemuThatIsSilentAtTheEndLeavesTheGuestUndecidedAndContBringsItBack() throws Exception {
        try (BareSource source = new BareSource(BareGuest.withoutMemory());
                QemuProcess qemu = startQemu(0)) {
            CountDownLatch stopped = source.latchOn(MigrationStatus.PRE_SWITCHOVER);
            source.migrator.setCapability(Capability.PAUSE_BEFORE_SWITCHOVER, true);
            source.migrator.setParameters(MigrationParameters.DEFAULTS.with(MigrationParameter.HANDOVER_TIMEOUT, 500));
            source.migrator.migrate(listen(qemu, "tcp:127.0.0.1:0"));
            assertThat(stopped.await(PATIENCE.toSeconds(), TimeUnit.SECONDS)).isTrue();
            qemu.freeze();
            source.migrator.continueFrom(MigrationStatus.PRE_SWITCHOVER);

            MigrationStatistics outcome = source.outcome();
            assertThat(outcome.owner()).contains(GuestOwner.UNDECIDED);
            assertThat(outcome.error().orElseThrow()).contains("gave no answer within 500 ms", "look there first");
            assertThat(source.run.state()).isEqualTo(RunState.PAUSED);
            qemu.kill();
            source.run.cont();
            source.assertRuns();
        }
    }

    private QemuProcess startQemu(int memoryMebibytes) throws Exception {
        return QemuProcess.start(
                directory, "qemu", List.of("-M", "none", "-m", memoryMebibytes + "M", "-incoming", "defer"));
    }

    /** Lets QEMU wait for a guest; where it does so. */
    private static String listen(QemuProcess qemu, String uri) throws Exception {
        qemu.execute("migrate-incoming", "{\"uri\": \"" + uri + "\"}");
        return uri.startsWith("tcp:") ? "tcp:127.0.0.1:" + qemu.query("query-migrate", "port") : uri;
    }

    private static void assertHandedOver(BareSource source, QemuProcess qemu) throws Exception {
        MigrationStatistics outcome = source.outcome();
        assertThat(outcome.error()).isEmpty();
        assertThat(outcome.status()).isEqualTo(MigrationStatus.COMPLETED);
        assertThat(outcome.owner()).contains(GuestOwner.PEER);
        assertThat(source.run.state()).isEqualTo(RunState.POSTMIGRATE);
        qemu.awaitMigration("completed", PATIENCE);
        assertThat(qemu.query("query-status", "status")).isEqualTo("running");
    }
}
