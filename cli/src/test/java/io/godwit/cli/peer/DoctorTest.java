// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.peer;

import static io.godwit.cli.peer.QemuProcess.PATIENCE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.godwit.control.Json;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/** Real QEMUs are looked at, and what is found is what then happens. */
@Tag("peer")
@Timeout(300)
class DoctorTest {
    private static final List<String> MACHINE = List.of("-machine", "q35,accel=tcg", "-m", "64M");

    @TempDir
    Path directory = Path.of("");

    private record Look(int status, JsonNode json) {
        List<String> rules(String severity) {
            return json.path("findings").values().stream()
                    .filter(finding -> finding.path("severity").asString("").equals(severity))
                    .map(finding -> finding.path("rule").asString(""))
                    .toList();
        }
    }

    @BeforeEach
    void needQemu() {
        Optional<String> missing = QemuProcess.missing();
        assumeTrue(missing.isEmpty(), () -> missing.orElse(""));
    }

    private QemuProcess qemu(String name, List<String> machine, String... more) throws Exception {
        List<String> all = new ArrayList<>(machine);
        all.addAll(List.of(more));
        return QemuProcess.start(directory, name, all);
    }

    private static JsonNode returned(QemuProcess qemu, String query) throws Exception {
        return Json.parse(qemu.execute(query)).path("return");
    }

    private Look look(String... arguments) throws Exception {
        List<String> all = new ArrayList<>(List.of("doctor", "--json", "--watch", "0"));
        all.addAll(List.of(arguments));
        GodwitProcess run = GodwitProcess.run(directory, PATIENCE, all.toArray(String[]::new));
        assertThat(run.err()).isEmpty();
        Look look = new Look(run.status(), Json.parse(run.out()));
        assertThat(look.json().path("status").asInt(-1)).isEqualTo(run.status());
        return look;
    }

    @Test
    void twoThatAreAlikeAreFineAndAMigrationOnTrialChangesNothing() throws Exception {
        try (QemuProcess source = qemu("source", MACHINE);
                QemuProcess destination = qemu("destination", MACHINE, "-incoming", "defer")) {
            source.capability("return-path", true);
            JsonNode parameters = returned(source, "query-migrate-parameters");
            JsonNode capabilities = returned(source, "query-migrate-capabilities");
            Look look = look("--trial", "--qmp", source.qmpAddress(), "--destination", destination.qmpAddress());
            assertThat(look.rules("stops")).isEmpty();
            assertThat(look.rules("risk")).isEmpty();
            assertThat(look.rules("note")).contains("trial");
            assertThat(look.status()).isZero();
            assertThat(returned(source, "query-migrate-parameters")).isEqualTo(parameters);
            assertThat(returned(source, "query-migrate-capabilities")).isEqualTo(capabilities);
            assertThat(source.query("query-status", "status")).isEqualTo("running");
            assertThat(source.query("query-migrate", "status")).isEqualTo("cancelled");
            assertThat(source.stopped()).as("the guest was stopped meanwhile").isFalse();
        }
    }

    @Test
    void aDeviceThatDoesNotMigrateAndAnotherMachineAreFoundAsQemuRefusesThem() throws Exception {
        Path disk = Files.write(directory.resolve("disk"), new byte[1 << 20]);
        List<String> nvme = new ArrayList<>(MACHINE);
        nvme.addAll(List.of("-drive", "if=none,id=d,format=raw,file=" + disk, "-device", "nvme,drive=d,serial=1"));
        try (QemuProcess source = qemu("source", nvme);
                QemuProcess destination = qemu(
                        "destination",
                        List.of("-machine", "pc-q35-7.2,accel=tcg", "-m", "128M"),
                        "-incoming",
                        "defer")) {
            destination.capability("postcopy-ram", true);
            Look look = look("--qmp", source.qmpAddress(), "--destination", destination.qmpAddress());
            assertThat(look.status()).isEqualTo(2);
            assertThat(look.rules("stops")).contains("blocked", "machine", "memory", "ram-blocks", "devices");
            assertThat(look.rules("note")).contains("capability-postcopy-ram");
        }
    }

    @Test
    void aCapabilityOnOneSideOnlyIsFoundAndTheMigrationFailsWithoutTheFix() throws Exception {
        try (QemuProcess source = qemu("source", MACHINE);
                QemuProcess destination = qemu("destination", MACHINE, "-incoming", "defer")) {
            source.capability("postcopy-ram", true);
            assertThat(look("--qmp", source.qmpAddress(), "--destination", destination.qmpAddress())
                            .rules("stops"))
                    .containsExactly("capability-postcopy-ram");
            Path socket = directory.resolve("stream");
            String _ = destination.execute("migrate-incoming", "{\"uri\": \"unix:" + socket + "\"}");
            source.migrate("unix:" + socket);
            source.awaitMigration("failed", PATIENCE);
        }
    }

    @Test
    void whatCannotBeLookedAtEndsAsAMigrationThatWouldFail() throws Exception {
        GodwitProcess run = GodwitProcess.run(directory, PATIENCE, "doctor", "--qmp", "unix:" + directory + "/none");
        assertThat(run.status()).isEqualTo(2);
        assertThat(run.err()).contains("cannot connect");
    }

    @Test
    void anOldQemuIsLookedAtInSentences() throws Exception {
        Optional<String> missing = QemuProcess.oldMissing();
        assumeTrue(missing.isEmpty(), () -> missing.orElse(""));
        try (QemuProcess source = QemuProcess.startOld(directory, "source", MACHINE)) {
            GodwitProcess run =
                    GodwitProcess.run(directory, PATIENCE, "doctor", "--trial", "--qmp", source.qmpAddress());
            assertThat(run.err()).isEmpty();
            assertThat(run.status()).isZero();
            assertThat(run.out())
                    .contains("good to know: A migration on trial began")
                    .contains("There is no forecast")
                    .endsWith("Nothing is in the way of a migration, as far as can be seen from outside."
                            + System.lineSeparator());
        }
    }
}
