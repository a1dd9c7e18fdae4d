// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.peer;

import static io.godwit.cli.peer.QemuProcess.PATIENCE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.godwit.control.Json;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/** A guest of another architecture is captured, looked at, compared and restored as any other. */
@Tag("peer")
@Timeout(300)
class ArmQemuTest {
    @TempDir
    Path directory = Path.of("");

    @BeforeEach
    void qemuIsThere() {
        Optional<String> missing = QemuProcess.armMissing();
        assumeTrue(missing.isEmpty(), () -> missing.orElse(""));
    }

    private String godwit(String... arguments) throws Exception {
        GodwitProcess run = GodwitProcess.run(directory, PATIENCE, arguments);
        assertThat(run.status()).as(run.err()).isZero();
        return run.out();
    }

    @Test
    void aGuestOfAarch64RunsOnAndAtOnceElsewhereWithAllOfItsMemory() throws Exception {
        List<String> machine = ArmGuest.arguments(directory);
        String store = directory.resolve("store").toString();
        try (QemuProcess source = QemuProcess.startArm(directory, "source", machine)) {
            String _ = source.awaitConsole(ArmGuest.BEAT, PATIENCE);
            String _ = godwit("capture", "--qmp", source.qmpAddress(), store + "/before");
            int mark = source.consoleMark();
            String _ = source.awaitConsole(mark, ArmGuest.BEAT, PATIENCE);
            String _ = godwit("capture", "--quit", "--qmp", source.qmpAddress(), store + "/behind");
        }
        assertThat(godwit("inspect", store + "/behind")).contains("mach-virt.ram", "arm_gic", "pl011");
        JsonNode difference = Json.parse(godwit("diff", "--json", store + "/before", store + "/behind"));
        JsonNode ram = difference.path("blocks").path(0);
        assertThat(ram.path("name").asString()).isEqualTo("mach-virt.ram");
        // At least the MiB that got a new stamp; the program and QEMU's device tree lie before what is written.
        assertThat(ram.path("differingPages").asLong()).isBetween(256L, 62L * 256);
        String at = "unix:" + directory.resolve("guest");
        List<String> waiting =
                Stream.concat(machine.stream(), Stream.of("-incoming", "defer")).toList();
        try (QemuProcess restored = QemuProcess.startArm(directory, "restored", waiting)) {
            String _ = godwit("restore", "--qmp", restored.qmpAddress(), store + "/behind", at);
            for (int checks = 0; checks < 2; checks++) {
                int mark = restored.consoleMark();
                String _ = restored.awaitConsole(mark, ArmGuest.BEAT, PATIENCE);
            }
            assertThat(restored.console()).doesNotContain(ArmGuest.WRONG);
        }
    }
}
