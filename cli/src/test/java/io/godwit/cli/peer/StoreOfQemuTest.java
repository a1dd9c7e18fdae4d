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

/** What a QEMU wrote goes into a store, comes out again, and another QEMU loads it: not a byte differs. */
@Tag("peer")
@Timeout(300)
@ExtendWith(RunningLinux.class)
class StoreOfQemuTest {
    @TempDir
    Path directory = Path.of("");

    private String godwit(String... arguments) throws Exception {
        GodwitProcess run = GodwitProcess.run(directory, PATIENCE, arguments);
        assertThat(run.err()).isEmpty();
        assertThat(run.status()).isZero();
        return run.out();
    }

    @Test
    void aGuestOfQemusIsStoredExportedAndLoadedByAnotherQemu(QemuProcess qemu, RunningLinux.Waiting waiting)
            throws Exception {
        long memoryBytes = (long) RunningLinux.MEMORY_MEBIBYTES << 20;
        qemu.execute("stop");
        Path plain = directory.resolve("plain");
        qemu.migrate("exec:cat > " + plain);
        qemu.awaitMigration("completed", PATIENCE);
        Path saved = directory.resolve("saved");
        qemu.savePhysicalMemory(0, memoryBytes, saved);
        Path mapped = directory.resolve("mapped");
        qemu.capability("mapped-ram", true);
        qemu.migrate("file:" + mapped);
        qemu.awaitMigration("completed", PATIENCE);
        String store = directory.resolve("store").toString();

        String said = godwit("store", "import", plain.toString(), store + "/plain");
        assertThat(said).contains("pc-q35", "pages with content").doesNotContain("never came");
        godwit("store", "import", mapped.toString(), store + "/mapped");
        godwit("store", "check", store);
        JsonNode difference = Json.parse(godwit("store", "diff", "--json", store + "/plain", store + "/mapped"));
        for (JsonNode block : difference.path("blocks")) {
            assertThat(block.path("differingPages").asLong())
                    .as("pages of " + block.path("name").asString() + " that differ between QEMU's two files")
                    .isZero();
        }
        JsonNode shown = Json.parse(godwit("store", "show", "--json", store + "/mapped"));
        assertThat(shown.path("newPages").asLong()).isZero();

        Path exported = directory.resolve("exported");
        godwit("store", "export", store + "/plain", exported.toString());
        Path raw = directory.resolve("raw");
        godwit("store", "export", "--form", "raw", "--block", "pc.ram", store + "/plain", raw.toString());
        assertThat(Files.mismatch(raw, saved))
                .as("first byte that differs from pmemsave")
                .isEqualTo(-1);

        try (QemuProcess other = QemuProcess.start(directory, "other", waiting.arguments())) {
            other.capability("mapped-ram", true);
            other.execute("migrate-incoming", "{\"uri\": \"file:" + exported + "\"}");
            other.awaitMigration("completed", PATIENCE);
            Path loaded = directory.resolve("loaded");
            other.savePhysicalMemory(0, memoryBytes, loaded);
            assertThat(Files.mismatch(loaded, saved))
                    .as("first byte that differs after loading")
                    .isEqualTo(-1);
            int mark = other.consoleMark();
            other.execute("cont");
            assertThat(other.awaitConsole(mark, LinuxGuest.BEAT, PATIENCE)).contains(LinuxGuest.BEAT);
        }
    }
}
