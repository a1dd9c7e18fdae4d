// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import io.godwit.control.Json;
import io.godwit.linux.memory.Support;
import io.godwit.linux.memory.Userfaultfd;
import io.godwit.machines.Machines;
import io.godwit.machines.guest.GuestKind;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import picocli.CommandLine;
import tools.jackson.databind.JsonNode;

/** The whole way: two child processes, a guest, a migration, its report. */
class DemoTest {
    @TempDir
    private Path directory = Path.of("");

    private JsonNode demo(String... arguments) throws IOException {
        Path report = directory.resolve("report.json");
        List<String> words = new ArrayList<>(List.of("demo", "--report", report.toString()));
        words.addAll(List.of(arguments));
        StringWriter err = new StringWriter();
        CommandLine line = GodwitCommand.commandLine();
        line.setErr(new PrintWriter(err, true));
        line.setOut(new PrintWriter(new StringWriter()));
        assertThat(line.execute(words.toArray(String[]::new))).as(err::toString).isZero();
        return Json.parse(Files.readString(report));
    }

    private static void assertProved(JsonNode report) {
        assertThat(report.propertyNames()).contains(ReportShape.MEMBERS);
        assertThat(report.path("status").asString()).isEqualTo("completed");
        assertThat(report.path("guestPauseMicros").asLong()).isPositive();
        assertThat(report.path("passes").asInt()).isGreaterThanOrEqualTo(2);
        assertThat(report.path("pages").path("normal").asLong()).isPositive();
        assertThat(report.path("pages").path("zero").isIntegralNumber()).isTrue();
        assertThat(report.path("downtimeParts").path("stopMicros").isIntegralNumber())
                .isTrue();
        assertThat(report.path("verification"))
                .isEqualTo(Json.parse("{\"ramIdentical\":true,\"guestMismatches\":0,\"guestRunsOn\":\"destination\"}"));
    }

    @Test
    void aBusyMemoryGuestMovesOverTcp() throws IOException {
        JsonNode report = demo("--guest", "memory", "--memory", "64M", "--working-set", "8M");
        assertProved(report);
        assertThat(report.path("guest").asString()).isEqualTo("memory");
        assertThat(report.path("transferredBytes").asLong()).isGreaterThan(64L << 20);
    }

    @Test
    void aMemoryGuestOfZerosMovesOverAUnixSocketWithAWaitBeforeTheSwitchover() throws IOException {
        JsonNode report = demo(
                "--guest",
                "memory",
                "--memory",
                "64M",
                "--fill",
                "zero",
                "--program",
                "idle",
                "--transport",
                "unix",
                "--cap",
                "pause-before-switchover");
        assertProved(report);
        assertThat(report.path("pages").path("zero").asLong()).isGreaterThan(10_000);
    }

    /** All of a postcopy's figures; who was asked for pages, and how often, is chance. */
    private static void assertProvedInPostcopy(JsonNode report, String mode) {
        assertProved(report);
        assertThat(report.path("mode").asString()).isEqualTo(mode);
        JsonNode postcopy = report.path("postcopy");
        assertThat(postcopy.path("pushedPages").asLong()
                        + postcopy.path("requestedPages").asLong())
                .isPositive();
        assertThat(postcopy.path("switchPauseMicros").asLong()).isPositive();
        assertThat(postcopy.path("faultLatency").propertyNames())
                .containsExactly("whole", "event", "request", "source", "wire", "place");
        assertThat(postcopy.path("vcpus").isArray()).isTrue();
    }

    private static void assumePostcopy() {
        Support support = Userfaultfd.support(Set.of(), Userfaultfd.Faults.USER_AND_KERNEL);
        assumeThat(support).as("userfaultfd is needed: " + support).isEqualTo(new Support.Available());
    }

    @ParameterizedTest
    @CsvSource({"postcopy, tcp", "hybrid, unix"})
    @Tag("kernel")
    void aMemoryGuestRunsBeforeItsMemoryHasArrived(String mode, String transport) throws IOException {
        assumePostcopy();
        JsonNode report = demo(
                "--guest",
                "memory",
                "--memory",
                "64M",
                "--working-set",
                "16M",
                "--mode",
                mode,
                "--transport",
                transport);
        assertProvedInPostcopy(report, mode);
        assertThat(report.path("postcopy").path("recoveries").asInt(-1)).isZero();
    }

    @ParameterizedTest
    @CsvSource({"postcopy", "hybrid"})
    @Tag("kernel")
    void aKvmGuestRunsBeforeItsMemoryHasArrived(String mode) throws IOException {
        assumePostcopy();
        assumeThat(Machines.choose(GuestKind.AUTO).kind())
                .as("KVM is needed: " + Machines.choose(GuestKind.AUTO).reason())
                .isEqualTo(GuestKind.KVM);
        JsonNode report = demo(
                "--guest",
                "kvm",
                "--memory",
                "64M",
                "--cpus",
                "2",
                "--working-set",
                "16M",
                "--dirty-rate",
                "0",
                "--write-order",
                "random",
                "--mode",
                mode);
        assertProvedInPostcopy(report, mode);
    }

    @Test
    @Tag("kernel")
    void aConnectionThatIsCutInTheMiddleOfAPostcopyLosesNothing() throws IOException {
        assumePostcopy();
        JsonNode report = demo("--guest", "memory", "--memory", "128M", "--mode", "postcopy", "--cut");
        assertProvedInPostcopy(report, "postcopy");
        assertThat(report.path("postcopy").path("recoveries").asInt()).isEqualTo(1);
    }

    @Test
    @Tag("kernel")
    void aBusyKvmGuestWithTwoVcpusMoves() throws IOException {
        assumeThat(Machines.choose(GuestKind.AUTO).kind())
                .as("KVM is needed: " + Machines.choose(GuestKind.AUTO).reason())
                .isEqualTo(GuestKind.KVM);
        JsonNode report = demo("--guest", "kvm", "--memory", "64M", "--cpus", "2", "--working-set", "8M");
        assertProved(report);
        assertThat(report.path("guest").asString()).isEqualTo("kvm");
    }
}
