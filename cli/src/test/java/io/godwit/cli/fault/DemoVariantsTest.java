// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.fault;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import io.godwit.control.Json;
import io.godwit.machines.Machines;
import io.godwit.machines.guest.GuestKind;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;

/**
 * {@code godwit demo} with the programs that other tests leave out, on one and two vCPUs, as a script runs it: exit
 * status and report.
 */
@Timeout(120)
class DemoVariantsTest {
    private static final List<String> NUMBERS = List.of(
            "totalTimeMillis",
            "setupTimeMillis",
            "downtimeMillis",
            "guestPauseMicros",
            "guestPauseBeforeMicros",
            "transferredBytes",
            "throughputBytesPerSecond",
            "passes");

    @TempDir
    private Path directory = Path.of("");

    @ParameterizedTest
    @CsvSource({"stepper, 1", "stepper, 2", "idle, 2"})
    void everyProgramMovesAsAMemoryGuest(String program, int cpus) throws Exception {
        assertMoves("memory", program, cpus);
    }

    @ParameterizedTest
    @CsvSource({"stepper, 1", "stepper, 2", "idle, 2"})
    @Tag("kernel")
    void everyProgramMovesAsAKvmGuest(String program, int cpus) throws Exception {
        assumeThat(Machines.choose(GuestKind.AUTO).kind())
                .as("KVM is needed: " + Machines.choose(GuestKind.AUTO).reason())
                .isEqualTo(GuestKind.KVM);
        assertMoves("kvm", program, cpus);
    }

    private void assertMoves(String kind, String program, int cpus) throws Exception {
        JsonNode report =
                demo("--guest", kind, "--program", program, "--cpus", Integer.toString(cpus), "--memory", "32M");
        assertThat(report.path("status").asString("")).isEqualTo("completed");
        assertThat(report.path("guest").asString("")).isEqualTo(kind);
        for (String number : NUMBERS) {
            assertThat(report.path(number).isIntegralNumber()).as(number).isTrue();
        }
        assertThat(report.path("guestPauseMicros").asLong(0)).isPositive();
        JsonNode pages = report.path("pages");
        assertThat(pages.path("normal").asLong(0) + pages.path("zero").asLong(0))
                .isGreaterThanOrEqualTo(8192);
        assertThat(report.path("verification"))
                .isEqualTo(Json.parse("{\"ramIdentical\":true,\"guestMismatches\":0,\"guestRunsOn\":\"destination\"}"));
    }

    private JsonNode demo(String... arguments) throws IOException, InterruptedException {
        Path report = directory.resolve("report.json");
        Path log = directory.resolve("log");
        List<String> command = new ArrayList<>(Host.java());
        command.addAll(List.of("demo", "--report", report.toString()));
        command.addAll(List.of(arguments));
        Process process = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .start();
        try {
            assertThat(process.waitFor(Host.PATIENCE.toMillis(), TimeUnit.MILLISECONDS))
                    .as("the demonstration ends")
                    .isTrue();
            assertThat(process.exitValue()).as(Files.readString(log)).isZero();
            return Json.parse(Files.readString(report));
        } finally {
            process.destroyForcibly();
        }
    }
}
