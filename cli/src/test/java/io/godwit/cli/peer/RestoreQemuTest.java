// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.peer;

import static io.godwit.cli.peer.QemuProcess.PATIENCE;
import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.control.Json;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/** A Linux that was captured from a QEMU goes on in another one, which knows nothing of stores. */
@Tag("peer")
@Timeout(300)
@ExtendWith(StoredLinux.class)
class RestoreQemuTest {
    @TempDir
    Path directory = Path.of("");

    @Test
    void aStoredLinuxRunsAtOnceAndFindsAllOfItsMemoryUnchanged(StoredLinux.Stored stored) throws Exception {
        try (QemuProcess qemu = QemuProcess.start(directory, "restored", stored.waiting())) {
            GodwitProcess run = GodwitProcess.run(
                    directory,
                    PATIENCE,
                    "restore",
                    "--json",
                    "--qmp",
                    qemu.qmpAddress(),
                    stored.address(),
                    "unix:" + directory.resolve("guest"));
            assertThat(run.err()).isEmpty();
            assertThat(run.status()).isZero();
            JsonNode told = Json.parse(run.out());
            assertThat(told.path("requests").asLong()).as("pages asked for").isPositive();
            assertThat(told.path("recoveries").asLong()).isZero();
            stored.awaitChecked(qemu);
        }
    }

    @Test
    void aFullRestoreGivesTheMemoryThatIsStored(StoredLinux.Stored stored) throws Exception {
        long memoryBytes = (long) StoredLinux.MEMORY_MEBIBYTES << 20;
        Path raw = stored.raw(directory);
        // -S: it does not run, so nothing can change.
        List<String> waiting =
                Stream.concat(stored.waiting().stream(), Stream.of("-S")).toList();
        try (QemuProcess qemu = QemuProcess.start(directory, "full", waiting)) {
            GodwitProcess run = GodwitProcess.run(
                    directory,
                    PATIENCE,
                    "restore",
                    "--full",
                    "--qmp",
                    qemu.qmpAddress(),
                    stored.address(),
                    "unix:" + directory.resolve("guest"));
            assertThat(run.err()).isEmpty();
            assertThat(run.status()).isZero();
            Path loaded = directory.resolve("loaded");
            qemu.savePhysicalMemory(0, memoryBytes, loaded);
            assertThat(Files.mismatch(loaded, raw))
                    .as("first byte that differs")
                    .isEqualTo(-1);
        }
    }
}
