// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.peer;

import static io.godwit.cli.peer.QemuProcess.PATIENCE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The peers themselves: what the other peer tests take for granted. */
@Tag("peer")
class LinuxGuestTest {
    private static final int MEMORY_MEBIBYTES = 256;
    private static final int WORKING_SET_MEBIBYTES = 8;

    @TempDir
    Path directory = Path.of("");

    @BeforeEach
    void needsQemuAndLinux() {
        Optional<String> missing = QemuProcess.missing().or(LinuxGuest::missing);
        assumeTrue(missing.isEmpty(), () -> missing.orElse(""));
    }

    @Test
    void qemuMovesARunningLinuxToAnotherQemu() throws Exception {
        List<String> machine = LinuxGuest.prepare(directory).arguments(MEMORY_MEBIBYTES, WORKING_SET_MEBIBYTES);
        try (QemuProcess source = QemuProcess.start(directory, "source", machine);
                QemuProcess destination = QemuProcess.start(directory, "destination", incoming(machine))) {
            source.awaitConsole(LinuxGuest.BEAT + 2, PATIENCE);
            String uri = "unix:" + directory.resolve("stream");
            destination.execute("migrate-incoming", "{\"uri\": \"" + uri + "\"}");
            source.execute("migrate", "{\"uri\": \"" + uri + "\"}");

            source.awaitMigration("completed", PATIENCE);
            destination.awaitMigration("completed", PATIENCE);
            destination.awaitConsole(LinuxGuest.BEAT, PATIENCE);
            assertThat(source.query("query-status", "status")).isEqualTo("postmigrate");
            assertThat(destination.query("query-status", "status")).isEqualTo("running");
        }
    }

    @Test
    void stoppedGuestsMemoryCanBeSaved() throws Exception {
        List<String> machine = LinuxGuest.prepare(directory).arguments(MEMORY_MEBIBYTES, WORKING_SET_MEBIBYTES);
        try (QemuProcess qemu = QemuProcess.start(directory, "qemu", machine)) {
            qemu.awaitConsole(LinuxGuest.UP, PATIENCE);
            qemu.execute("stop");
            Path memory = directory.resolve("memory");
            qemu.savePhysicalMemory(0, (long) MEMORY_MEBIBYTES << 20, memory);
            assertThat(Files.size(memory)).isEqualTo((long) MEMORY_MEBIBYTES << 20);
        }
    }

    private static List<String> incoming(List<String> machine) {
        return Stream.concat(machine.stream(), Stream.of("-incoming", "defer")).toList();
    }
}
