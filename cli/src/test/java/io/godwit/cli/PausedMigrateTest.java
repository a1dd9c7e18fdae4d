// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import io.godwit.control.Json;
import io.godwit.control.QmpClient;
import io.godwit.linux.memory.Support;
import io.godwit.linux.memory.Userfaultfd;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** {@code godwit migrate} in postcopy, interrupted, and gone on with by what it said. */
@Tag("kernel")
@Timeout(180)
class PausedMigrateTest {
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    @TempDir
    private Path directory = Path.of("");

    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();

    @BeforeEach
    void needsUserfaultfd() {
        Support support = Userfaultfd.support(Set.of(), Userfaultfd.Faults.USER_AND_KERNEL);
        assumeThat(support).as("userfaultfd is needed: " + support).isEqualTo(new Support.Available());
    }

    private int godwit(String... words) {
        CommandLine line = GodwitCommand.commandLine();
        line.setOut(new PrintWriter(out, true));
        line.setErr(new PrintWriter(err, true));
        return line.execute(words);
    }

    private static void await(QmpClient host, String status) throws InterruptedException {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (!host.execute("query-migrate", PATIENCE)
                .path("status")
                .asString("")
                .equals(status)) {
            assertThat(System.nanoTime() - deadline).as("awaiting %s", status).isNegative();
            var _ = host.nextEvent(Duration.ofMillis(20));
        }
    }

    private static void awaitRunning(QmpClient host) throws InterruptedException {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (!host.execute("query-status", PATIENCE).path("running").asBoolean(false)) {
            assertThat(System.nanoTime() - deadline).as("the guest runs").isNegative();
            var _ = host.nextEvent(Duration.ofMillis(20));
        }
    }

    @Test
    void whatItSaysWhenItPausesIsWhatGoesOn() throws Exception {
        String uri = "unix:" + directory.resolve("migration.sock");
        try (DemoHosts hosts = DemoHosts.start(List.of("--guest", "memory", "--memory", "64M", "--working-set", "4M"));
                QmpClient source = hosts.source().connect();
                QmpClient destination = hosts.destination().connect()) {
            String there = destination.address().toString();
            String here = source.address().toString();
            CompletableFuture<Integer> first = CompletableFuture.supplyAsync(() -> godwit(
                    "migrate",
                    "--qmp",
                    here,
                    "--destination",
                    there,
                    "--postcopy",
                    "--preempt",
                    "--set",
                    "max-postcopy-bandwidth=8M",
                    uri));
            awaitRunning(destination);
            await(source, "postcopy-active");
            source.execute("migrate-pause", PATIENCE);
            assertThat(first.get(PATIENCE.toMillis(), TimeUnit.MILLISECONDS)).isEqualTo(1);
            assertThat(err.toString().lines().skip(1).map(String::strip))
                    .containsExactly(
                            "godwit migrate --recover --qmp " + there + " " + uri,
                            "godwit migrate --resume --qmp " + here + " " + uri);
            await(destination, "postcopy-paused");
            assertThat(godwit("migrate", "--recover", "--qmp", there, uri))
                    .as(err::toString)
                    .isZero();
            assertThat(godwit("migrate", "--resume", "--qmp", here, "--set", "max-postcopy-bandwidth=0", uri))
                    .as(err::toString)
                    .isZero();
            assertThat(out.toString()).contains("  moved     64 MiB", "recovered once");
            assertThat(Verification.of(source, destination).isProved()).isTrue();
        }
    }

    @Test
    void oneCommandGoesOnWhereItKnowsBothSides() throws Exception {
        String uri = "unix:" + directory.resolve("migration.sock");
        try (DemoHosts hosts = DemoHosts.start(List.of("--guest", "memory", "--memory", "64M", "--working-set", "4M"));
                QmpClient source = hosts.source().connect();
                QmpClient destination = hosts.destination().connect()) {
            for (QmpClient host : List.of(source, destination)) {
                new Settings().applyCapabilities(host, List.of("postcopy-ram"));
            }
            source.execute("migrate-set-parameters", Json.object().put("max-postcopy-bandwidth", 8 << 20), PATIENCE);
            destination.execute("migrate-incoming", Json.object().put("uri", uri), PATIENCE);
            source.execute("migrate", Json.object().put("uri", uri), PATIENCE);
            source.execute("migrate-start-postcopy", PATIENCE);
            awaitRunning(destination);
            destination.execute("migrate-pause", PATIENCE);
            await(source, "postcopy-paused");
            int status = godwit(
                    "migrate",
                    "-r",
                    "--qmp",
                    source.address().toString(),
                    "--destination",
                    destination.address().toString(),
                    "--json",
                    "--set",
                    "max-postcopy-bandwidth=0",
                    uri);
            assertThat(status).as(err::toString).isZero();
            assertThat(out.toString().lines().map(Json::parse))
                    .last()
                    .satisfies(
                            line -> assertThat(line.path("status").asString("")).isEqualTo("completed"));
            assertThat(Verification.of(source, destination).isProved()).isTrue();
        }
    }

    @Test
    void aDestinationThatListensAlreadyIsToldOfInWords() throws IOException {
        try (DemoHosts hosts = DemoHosts.start(List.of("--guest", "memory", "--memory", "4M"));
                QmpClient source = hosts.source().connect();
                QmpClient destination = hosts.destination().connect()) {
            destination.execute(
                    "migrate-incoming", Json.object().put("uri", "unix:" + directory.resolve("early")), PATIENCE);
            int status = godwit(
                    "migrate",
                    "--qmp",
                    source.address().toString(),
                    "--destination",
                    destination.address().toString(),
                    "--postcopy",
                    "unix:" + directory.resolve("early"));
            assertThat(status).isEqualTo(1);
            assertThat(err.toString()).contains("godwit host --cap postcopy-ram --incoming URI");
        }
    }
}
