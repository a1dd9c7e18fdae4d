// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.peer;

import static io.godwit.cli.peer.QemuProcess.PATIENCE;
import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.engine.guest.RunState;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.outcome.GuestOwner;
import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.engine.report.MigrationStatistics;
import io.godwit.engine.settings.MigrationParameter;
import io.godwit.engine.settings.MigrationParameters;
import io.godwit.stream.DeviceSection;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What QEMU's source sends, Godwit's destination takes: a live Linux, compared byte by byte with what QEMU itself keeps
 * of it.
 */
@Tag("peer")
@Timeout(300)
@ExtendWith(RunningLinux.class)
class IncomingFromQemuTest {
    private static final long RAM_BYTES = (long) RunningLinux.MEMORY_MEBIBYTES << 20;
    private static final long BIOS_END = 1L << 32;
    private static final List<String> SMALL_MACHINE = List.of("-machine", "q35", "-m", "64M", "-S");

    @TempDir
    Path directory = Path.of("");

    @ParameterizedTest
    @CsvSource({"tcp, true", "unix, true", "tcp, false"})
    void everyPageOfALiveGuestArrives(String transport, boolean returnPath, QemuProcess qemu) throws Exception {
        qemu.capability("return-path", returnPath);
        try (Destination destination = new Destination()) {
            destination.migrator.setVerifying(true);
            String address = destination.listen(
                    transport.equals("tcp") ? "tcp:127.0.0.1:0" : "unix:" + directory.resolve("stream"));
            qemu.migrate(address);
            qemu.awaitMigration("completed", PATIENCE);

            MigrationStatistics outcome = destination.outcome();
            assertThat(outcome.error()).isEmpty();
            assertThat(outcome.status()).isEqualTo(MigrationStatus.COMPLETED);
            assertThat(qemu.query("query-status", "status")).isEqualTo("postmigrate");
            assertThat(destination.run.state()).as("the guest is kept, not run").isEqualTo(RunState.PAUSED);
            assertCountsAgree(outcome, qemu.execute("query-migrate"));
            assertMemoryIsQemus(destination, qemu);
            assertThat(destination.guest.machineType()).startsWith("pc-q35-");
            assertThat(destination.guest.deviceSections())
                    .extracting(DeviceSection::idstr)
                    .contains("timer", "cpu", "apic", "serial")
                    .endsWith("globalstate");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"exec:cat ", "file:"})
    void everyPageArrivesFromAFileThatQemuWrote(String from, QemuProcess qemu) throws Exception {
        Path stream = directory.resolve("stream");
        qemu.migrate("file:" + stream);
        qemu.awaitMigration("completed", PATIENCE);
        try (Destination destination = new Destination()) {
            destination.migrator.setVerifying(true);
            String _ = destination.listen(from + stream);

            assertThat(destination.outcome().error()).isEmpty();
            assertMemoryIsQemus(destination, qemu);
        }
    }

    @ParameterizedTest
    @CsvSource({
        "multifd, turn the capability multifd off",
        "xbzrle, turn the capability xbzrle off",
        "postcopy-ram, switch 'postcopy-ram' off",
        "x-ignore-shared, switch it off at the source",
        "x-colo, switch 'x-colo' on at both sides"
    })
    void whatGodwitCannotReadIsRefusedAndTheGuestRunsOn(String capability, String advice, QemuProcess qemu)
            throws Exception {
        qemu.capability("return-path", true);
        qemu.capability(capability, true);
        // Compressed differences come from the third pass on: a limit that cannot be kept makes QEMU go on for so long.
        qemu.parameters("\"downtime-limit\": 1, \"max-bandwidth\": 100000000");
        try (Destination destination = new Destination()) {
            qemu.migrate(destination.listen("tcp:127.0.0.1:0"));

            MigrationStatistics outcome = destination.outcome();
            assertThat(outcome.status()).isEqualTo(MigrationStatus.FAILED);
            assertThat(outcome.owner()).contains(GuestOwner.PEER);
            assertThat(outcome.error().orElseThrow()).contains(advice, "belongs to the source");
            qemu.awaitMigration("failed", PATIENCE);
            assertThat(qemu.query("query-status", "status")).isEqualTo("running");
            String _ = qemu.awaitConsole(qemu.consoleMark(), LinuxGuest.BEAT, PATIENCE);
        }
    }

    @Test
    void aSourceThatDiesOnTheWayLeavesNothingThatRuns() throws Exception {
        try (QemuProcess qemu = QemuProcess.start(directory, "qemu", SMALL_MACHINE);
                Destination destination = new Destination()) {
            qemu.capability("return-path", true);
            qemu.parameters("\"max-bandwidth\": 50000");
            CountDownLatch receiving = destination.latchOn(MigrationStatus.ACTIVE);
            qemu.migrate(destination.listen("tcp:127.0.0.1:0"));
            assertThat(receiving.await(PATIENCE.toSeconds(), TimeUnit.SECONDS)).isTrue();
            qemu.kill();

            MigrationStatistics outcome = destination.outcome();
            assertThat(outcome.status()).isEqualTo(MigrationStatus.FAILED);
            assertThat(outcome.owner()).contains(GuestOwner.PEER);
            assertThat(outcome.error().orElseThrow()).contains("was not started here and belongs to the source");
            assertThat(destination.run.state()).isEqualTo(RunState.INMIGRATE);
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aQemuThatComesSecondFailsAndTheFirstGoesOn(boolean returnPath) throws Exception {
        try (QemuProcess first = QemuProcess.start(directory, "first", SMALL_MACHINE);
                QemuProcess second = QemuProcess.start(directory, "second", SMALL_MACHINE);
                Destination destination = new Destination()) {
            // So slow that neither is done before it is cut off, or the other has failed.
            first.parameters("\"max-bandwidth\": 50000");
            second.parameters("\"max-bandwidth\": 50000");
            CountDownLatch receiving = destination.latchOn(MigrationStatus.ACTIVE);
            String address = destination.listen("tcp:127.0.0.1:0");
            first.migrate(address);
            assertThat(receiving.await(PATIENCE.toSeconds(), TimeUnit.SECONDS)).isTrue();
            second.capability("return-path", returnPath);
            second.migrate(address);
            second.awaitMigration("failed", PATIENCE);
            assertThat(second.query("query-status", "status")).isEqualTo("prelaunch");
            first.parameters("\"max-bandwidth\": 0");
            first.awaitMigration("completed", PATIENCE);
            assertThat(destination.outcome().error()).isEmpty();
        }
    }

    @Test
    void aQemuThatDoesNotDescribeItsDevicesIsRefusedInTime() throws Exception {
        List<String> machine = new ArrayList<>(SMALL_MACHINE);
        machine.set(1, "q35,suppress-vmdesc=on");
        try (QemuProcess qemu = QemuProcess.start(directory, "qemu", machine);
                Destination destination = new Destination()) {
            destination.migrator.setParameters(
                    MigrationParameters.DEFAULTS.with(MigrationParameter.CONNECT_TIMEOUT, 500));
            qemu.capability("return-path", true);
            qemu.migrate(destination.listen("tcp:127.0.0.1:0"));

            assertThat(destination.outcome().error().orElseThrow()).contains("the source fell silent", "no vmdesc");
            qemu.awaitMigration("failed", PATIENCE);
        }
    }

    @Test
    void theIdentityThatQemuWasGivenArrives() throws Exception {
        List<String> machine = new ArrayList<>(SMALL_MACHINE);
        UUID identity = UUID.fromString("01234567-89ab-cdef-0123-456789abcdef");
        machine.addAll(List.of("-uuid", identity.toString()));
        try (QemuProcess qemu = QemuProcess.start(directory, "qemu", machine);
                Destination destination = new Destination()) {
            qemu.capability("validate-uuid", true);
            qemu.migrate(destination.listen("tcp:127.0.0.1:0"));

            assertThat(destination.outcome().error()).isEmpty();
            assertThat(destination.guest.identity()).isEqualTo(identity);
        }
    }

    private static void assertCountsAgree(MigrationStatistics ours, String theirs) {
        assertThat(ours.ram().transferredBytes()).isEqualTo(number(theirs, "transferred"));
        assertThat(ours.ram().normalPages()).isEqualTo(number(theirs, "normal"));
        assertThat(ours.ram().zeroPages()).isEqualTo(number(theirs, "duplicate"));
        assertThat(ours.ram().totalBytes()).isEqualTo(number(theirs, "total"));
    }

    private static long number(String json, String member) {
        return Long.parseLong(QmpConnection.member(json, member).orElseThrow());
    }

    private void assertMemoryIsQemus(Destination destination, QemuProcess qemu)
            throws IOException, InterruptedException {
        assertThat(destination.migrator.digestsAtSwitchover().blockDigests())
                .as("pages that never came")
                .allMatch(block -> block.missingPages() == 0);
        RamBlock ram = block(destination, "pc.ram");
        RamBlock bios = block(destination, "pc.bios");
        assertThat(ram.usedLength()).isEqualTo(RAM_BYTES);
        assertThat(differing(qemu, ram, 0))
                .as("pages that differ, of the " + ram.pageCount() + " of pc.ram")
                .isEmpty();
        assertThat(differing(qemu, bios, BIOS_END - bios.usedLength()))
                .as("pages that differ, of the " + bios.pageCount() + " of pc.bios")
                .isEmpty();
    }

    private static RamBlock block(Destination destination, String idstr) {
        return destination.guest.ram().snapshot().find(idstr).orElseThrow();
    }

    private List<Long> differing(QemuProcess qemu, RamBlock block, long address)
            throws IOException, InterruptedException {
        Path saved = directory.resolve("saved");
        qemu.savePhysicalMemory(address, block.usedLength(), saved);
        List<Long> differing = SavedMemory.differingPages(saved, block.memory());
        Files.delete(saved);
        return differing;
    }
}
