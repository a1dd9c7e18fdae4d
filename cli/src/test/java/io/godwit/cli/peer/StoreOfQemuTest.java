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
    void aGuestOfQemusIsStoredExportedLoadedByAnotherQemuAndStoredAgain(QemuProcess qemu, RunningLinux.Waiting waiting)
            throws Exception {
        long memoryBytes = (long) RunningLinux.MEMORY_MEBIBYTES << 20;
        qemu.execute("stop");
        Path plain = directory.resolve("plain");
        qemu.migrate("exec:cat > " + plain);
        qemu.awaitMigration("completed", PATIENCE);
        Path saved = directory.resolve("saved");
        qemu.savePhysicalMemory(0, memoryBytes, saved);

        String store = directory.resolve("store").toString();
        assertThat(godwit("store", "import", plain.toString(), store + "/plain"))
                .contains("pc-q35", "pages with content")
                .doesNotContain("never came");
        Path raw = directory.resolve("raw");
        String _ = godwit("store", "export", "--form", "raw", "--block", "pc.ram", store + "/plain", raw.toString());
        assertThat(Files.mismatch(raw, saved))
                .as("first byte that is not pmemsave's")
                .isEqualTo(-1);
        Path exported = directory.resolve("exported");
        String _ = godwit("store", "export", store + "/plain", exported.toString());

        Path again = directory.resolve("again");
        try (QemuProcess other = QemuProcess.start(directory, "other", waiting.arguments())) {
            other.capability("mapped-ram", true);
            String _ = other.execute("migrate-incoming", "{\"uri\": \"file:" + exported + "\"}");
            other.awaitMigration("completed", PATIENCE);
            Path loaded = directory.resolve("loaded");
            other.savePhysicalMemory(0, memoryBytes, loaded);
            assertThat(Files.mismatch(loaded, saved))
                    .as("first byte that was loaded wrong")
                    .isEqualTo(-1);
            other.migrate("file:" + again);
            other.awaitMigration("completed", PATIENCE);
            String status = other.execute("query-status");
            while (!status.contains("postmigrate")) {
                // Between the last byte and this the migration is not finalized, and no command may run the guest.
                status = other.execute("query-status");
            }
            int mark = other.consoleMark();
            String _ = other.execute("cont");
            String _ = other.awaitConsole(mark, LinuxGuest.BEAT, PATIENCE);
        }
        String _ = godwit("store", "import", again.toString(), store + "/again");
        JsonNode shown = Json.parse(godwit("store", "show", "--json", store + "/again"));
        assertThat(shown.path("newPages").asLong()).isZero();
        JsonNode difference = Json.parse(godwit("store", "diff", "--json", store + "/plain", store + "/again"));
        for (JsonNode block : difference.path("blocks")) {
            assertThat(block.path("differingPages").asLong())
                    .as("pages that differ in " + block.path("name").asString())
                    .isZero();
        }
        String _ = godwit("store", "check", store);
    }
}
