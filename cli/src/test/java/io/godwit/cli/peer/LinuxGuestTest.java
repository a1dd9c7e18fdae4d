// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.peer;

import static io.godwit.cli.peer.QemuProcess.PATIENCE;
import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.cli.peer.RunningLinux.Waiting;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** The peers themselves, without Godwit: what the other peer tests take for granted. */
@Tag("peer")
@Timeout(300)
@ExtendWith(RunningLinux.class)
class LinuxGuestTest {
    @TempDir
    Path directory = Path.of("");

    @Test
    void qemuMovesARunningLinuxToAnotherQemu(QemuProcess source, Waiting waiting) throws Exception {
        try (QemuProcess destination = QemuProcess.start(directory, "destination", waiting.arguments())) {
            String uri = "unix:" + directory.resolve("stream");
            destination.execute("migrate-incoming", "{\"uri\": \"" + uri + "\"}");
            source.migrate(uri);

            source.awaitMigration("completed", PATIENCE);
            destination.awaitMigration("completed", PATIENCE);
            String _ = destination.awaitConsole(LinuxGuest.BEAT, PATIENCE);
            assertThat(source.query("query-status", "status")).isEqualTo("postmigrate");
            assertThat(destination.query("query-status", "status")).isEqualTo("running");
        }
    }

    @Test
    void stoppedGuestsMemoryCanBeSaved(QemuProcess qemu) throws Exception {
        qemu.execute("stop");
        Path memory = directory.resolve("memory");
        qemu.savePhysicalMemory(0, (long) RunningLinux.MEMORY_MEBIBYTES << 20, memory);
        assertThat(Files.size(memory)).isEqualTo((long) RunningLinux.MEMORY_MEBIBYTES << 20);
    }
}
