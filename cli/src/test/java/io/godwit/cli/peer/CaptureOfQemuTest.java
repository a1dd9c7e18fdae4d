// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.peer;

import static io.godwit.cli.peer.QemuProcess.PATIENCE;
import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.control.Json;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/** A guest that writes all the time is captured: it runs on, and what was stored is the guest as it was. */
@Tag("peer")
@Timeout(300)
@ExtendWith(RunningLinux.class)
class CaptureOfQemuTest {
    @TempDir
    Path directory = Path.of("");

    private String godwit(String... arguments) throws Exception {
        GodwitProcess run = GodwitProcess.run(directory, PATIENCE, arguments);
        assertThat(run.status()).as(run.err()).isZero();
        return run.out();
    }

    private static String answer(QemuProcess qemu, String command) throws Exception {
        return Json.parse(qemu.execute(command)).path("return").toString();
    }

    private JsonNode capture(QemuProcess qemu, String name, String... options) throws Exception {
        String[] arguments = new String[options.length + 5];
        System.arraycopy(
                new String[] {"capture", "--json", "--qmp", qemu.qmpAddress(), directory + "/store/" + name},
                0,
                arguments,
                0,
                5);
        System.arraycopy(options, 0, arguments, 5, options.length);
        return Json.parse(godwit(arguments));
    }

    @Test
    void theGuestRunsOnWithItsSettingsAsTheyWereAndItsSnapshotRunsInAnotherQemu(
            QemuProcess qemu, RunningLinux.Waiting waiting) throws Exception {
        qemu.capability("multifd", true);
        qemu.parameters("\"max-bandwidth\": 300000000");
        String capabilities = answer(qemu, "query-migrate-capabilities");
        String parameters = answer(qemu, "query-migrate-parameters");
        JsonNode report = capture(qemu, "live");
        assertThat(report.path("runState").asString()).isEqualTo("running");
        assertThat(report.path("absentPages").asLong(-1)).isZero();
        assertThat(report.path("pauseMicros").asLong()).isPositive();
        int mark = qemu.consoleMark();
        String _ = qemu.awaitConsole(mark, LinuxGuest.BEAT, PATIENCE);
        assertThat(answer(qemu, "query-migrate-capabilities")).isEqualTo(capabilities);
        assertThat(answer(qemu, "query-migrate-parameters")).isEqualTo(parameters);

        Path exported = directory.resolve("exported");
        String _ = godwit("store", "export", directory + "/store/live", exported.toString());
        try (QemuProcess other = QemuProcess.start(directory, "other", waiting.arguments())) {
            other.capability("mapped-ram", true);
            String _ = other.execute("migrate-incoming", "{\"uri\": \"file:" + exported + "\"}");
            other.awaitMigration("completed", PATIENCE);
            int begun = other.consoleMark();
            String _ = other.awaitConsole(begun, LinuxGuest.BEAT, PATIENCE);
        }
        String _ = godwit("store", "check", directory + "/store");
    }

    @Test
    void ofASeriesTheLatestStayAndOnlyWhatIsDifferentIsNew(QemuProcess qemu) throws Exception {
        String store = directory + "/store";
        String[] lines = godwit(
                        "capture",
                        "--json",
                        "--qmp",
                        qemu.qmpAddress(),
                        store + "/web",
                        "--every",
                        "1s",
                        "--keep",
                        "2",
                        "--times",
                        "3")
                .split("\n");
        assertThat(lines).hasSize(3);
        JsonNode first = Json.parse(lines[0]);
        JsonNode second = Json.parse(lines[1]);
        assertThat(second.path("newPages").asLong())
                .isPositive()
                .isLessThan(first.path("newPages").asLong() / 2);
        String listed = godwit("store", "ls", store);
        for (int i = 0; i < lines.length; i++) {
            String name = Json.parse(lines[i]).path("snapshot").asString("").substring(store.length() + 1);
            assertThat(name).startsWith("web/");
            assertThat(listed.contains(name)).as("snapshot " + i).isEqualTo(i > 0);
        }
        String _ = godwit("store", "check", store);
    }

    @Test
    void aGuestThatIsPausedAfterwardsIsStoredAsItStands(QemuProcess qemu) throws Exception {
        JsonNode report = capture(qemu, "still", "--pause");
        assertThat(report.path("runState").asString()).isEqualTo("postmigrate");
        Path saved = directory.resolve("saved");
        qemu.savePhysicalMemory(0, (long) RunningLinux.MEMORY_MEBIBYTES << 20, saved);
        Path raw = directory.resolve("raw");
        String _ = godwit(
                "store", "export", "--form", "raw", "--block", "pc.ram", directory + "/store/still", raw.toString());
        assertThat(Files.mismatch(raw, saved))
                .as("first byte that is not pmemsave's")
                .isEqualTo(-1);
    }
}
