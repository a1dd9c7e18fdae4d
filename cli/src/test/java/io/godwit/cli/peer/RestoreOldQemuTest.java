// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.peer;

import static io.godwit.cli.peer.QemuProcess.PATIENCE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A Linux that was captured from a QEMU 7.2 goes on in others of that release, without a word more. */
@Tag("peer")
@Timeout(300)
class RestoreOldQemuTest {
    private static final int MEMORY_MEBIBYTES = 128;

    @TempDir
    Path directory = Path.of("");

    @BeforeEach
    void oldQemuIsThere() {
        Optional<String> missing = QemuProcess.oldMissing().or(LinuxGuest::missing);
        assumeTrue(missing.isEmpty(), () -> missing.orElse(""));
    }

    private void godwit(String... arguments) throws Exception {
        GodwitProcess run = GodwitProcess.run(directory, PATIENCE, arguments);
        assertThat(run.status()).as(run.err()).isZero();
    }

    @Test
    void aStoredLinuxRunsAtOnceOrWholeAndFindsAllOfItsMemoryUnchanged() throws Exception {
        List<String> machine = LinuxGuest.prepare(directory).checkingArguments(MEMORY_MEBIBYTES, "q35", "tcg");
        String address = directory.resolve("store") + "/linux";
        int beats;
        try (QemuProcess source = QemuProcess.startOld(directory, "source", machine)) {
            String _ = source.awaitConsole(LinuxGuest.BEAT + 1, PATIENCE.multipliedBy(2));
            // With TCG that release loses pages of a guest that runs, in its own files too.
            String _ = source.execute("stop");
            godwit("capture", "--quit", "--qmp", source.qmpAddress(), address);
            beats = source.beats();
        }
        List<String> waiting =
                Stream.concat(machine.stream(), Stream.of("-incoming", "defer")).toList();
        String at = "unix:" + directory.resolve("guest");
        try (QemuProcess lazily = QemuProcess.startOld(directory, "lazily", waiting);
                QemuProcess whole = QemuProcess.startOld(directory, "whole", waiting)) {
            // Left on by somebody, it would wait for a second connection before it reads a byte.
            lazily.capability("postcopy-ram", true);
            lazily.capability("postcopy-preempt", true);
            godwit("restore", "--qmp", lazily.qmpAddress(), address, at + 1);
            godwit("restore", "--full", "--qmp", whole.qmpAddress(), address, at + 2);
            for (QemuProcess restored : List.of(lazily, whole)) {
                String _ = restored.execute("cont");
                // The first one behind the restore began before it, so one more is needed that is wholly behind.
                String _ = restored.awaitConsole(LinuxGuest.BEAT + (beats + 2), PATIENCE);
                assertThat(restored.console()).noneMatch(line -> line.contains(LinuxGuest.WRONG));
            }
        }
    }
}
