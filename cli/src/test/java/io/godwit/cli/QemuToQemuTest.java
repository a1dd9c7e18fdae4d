// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import io.godwit.control.Json;
import java.io.File;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;
import tools.jackson.databind.JsonNode;

/** {@code godwit migrate} drives one real QEMU to another. */
@Tag("peer")
class QemuToQemuTest {
    private static final long START_NANOS = TimeUnit.SECONDS.toNanos(30);

    @TempDir
    private Path directory = Path.of("");

    private final List<Process> peers = new ArrayList<>();

    @BeforeEach
    void startPeers() throws IOException {
        assumeThat(Stream.of(System.getenv("PATH").split(File.pathSeparator, -1))
                        .anyMatch(folder -> Files.isExecutable(Path.of(folder, "qemu-system-x86_64"))))
                .as("qemu-system-x86_64 is not on the PATH; './dev peers' installs it")
                .isTrue();
        start("source");
        Path migration = directory.resolve("migration.sock");
        start("destination", "-incoming", "unix:" + migration);
        // QEMU answers QMP before it listens for a source.
        awaitSocket(migration);
    }

    @AfterEach
    void endPeers() throws InterruptedException {
        for (Process peer : peers) {
            peer.destroyForcibly().waitFor();
        }
    }

    private void start(String name, String... more) throws IOException {
        Path socket = directory.resolve(name + ".qmp");
        List<String> command = new ArrayList<>(List.of(
                "qemu-system-x86_64",
                "-M",
                "q35",
                "-nodefaults",
                "-display",
                "none",
                "-m",
                "64",
                "-qmp",
                "unix:" + socket + ",server=on,wait=off"));
        command.addAll(List.of(more));
        peers.add(new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(directory.resolve(name + ".log").toFile())
                .start());
        awaitSocket(socket);
    }

    private static void awaitSocket(Path socket) {
        long deadline = System.nanoTime() + START_NANOS;
        while (!Files.exists(socket) && System.nanoTime() - deadline < 0) {
            LockSupport.parkNanos(10_000_000);
        }
    }

    @Test
    void theProgressIsShownAndTheReportHasQemusFigures() throws IOException {
        Path report = directory.resolve("report.json");
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        CommandLine line = GodwitCommand.commandLine();
        line.setOut(new PrintWriter(out, true));
        line.setErr(new PrintWriter(err, true));
        int status = line.execute(
                "migrate",
                "--json",
                "--qmp",
                "unix:" + directory.resolve("source.qmp"),
                "unix:" + directory.resolve("migration.sock"),
                "--cap",
                "return-path",
                "--set",
                "max-bandwidth=200K",
                "--set",
                "downtime-limit=100",
                "--report",
                report.toString());
        assertThat(status).as(err::toString).isZero();
        JsonNode json = Json.parse(Files.readString(report));
        assertThat(json.propertyNames()).contains(ReportShape.MEMBERS);
        assertThat(json.path("status").asString()).isEqualTo("completed");
        assertThat(json.path("pages").path("zero").asLong()).isPositive();
        List<JsonNode> samples = out.toString().lines().map(Json::parse).toList();
        assertThat(samples)
                .anyMatch(sample -> sample.path("status").asString("").equals("active")
                        && sample.path("remainingBytes").asLong(0) > 0);
        assertThat(samples.getLast().path("status").asString()).isEqualTo("completed");
    }

    @Test
    void aQemusGuestIsMovedByPostcopyWithBothSidesPrepared() throws IOException {
        start("waiting", "-incoming", "defer");
        Path report = directory.resolve("report.json");
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        CommandLine line = GodwitCommand.commandLine();
        line.setOut(new PrintWriter(out, true));
        line.setErr(new PrintWriter(err, true));
        int status = line.execute(
                "migrate",
                "--json",
                "--qmp",
                "unix:" + directory.resolve("source.qmp"),
                "--destination",
                "unix:" + directory.resolve("waiting.qmp"),
                "unix:" + directory.resolve("postcopy.sock"),
                "--postcopy-after-passes",
                "1",
                "--preempt",
                "--report",
                report.toString());
        assumeThat(err.toString())
                .as("QEMU can receive by postcopy here: userfaultfd, and the privilege for it")
                .doesNotContain("serfault");
        assertThat(status).as(err::toString).isZero();
        JsonNode json = Json.parse(Files.readString(report));
        assertThat(json.path("status").asString()).isEqualTo("completed");
        assertThat(json.path("postcopy").isNull()).as("QEMU tells no more").isTrue();
        assertThat(out.toString().lines().map(Json::parse))
                .anyMatch(sample -> sample.path("status").asString("").equals("completed"));
    }

    @Test
    void aRefusalOfQemusIsPassedOn() {
        StringWriter err = new StringWriter();
        CommandLine line = GodwitCommand.commandLine();
        line.setErr(new PrintWriter(err, true));
        assertThat(line.execute("migrate", "--qmp", "unix:" + directory.resolve("source.qmp"), "pigeon:1"))
                .isEqualTo(1);
        assertThat(err.toString()).contains("unknown migration protocol: pigeon:1");
    }
}
