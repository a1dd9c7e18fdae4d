// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.peer;

import static io.godwit.cli.peer.QemuProcess.PATIENCE;
import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.cli.peer.RunningLinux.Waiting;
import io.godwit.control.Json;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/** {@code godwit migrate} between two QEMUs. */
@Tag("peer")
@Timeout(300)
@ExtendWith(RunningLinux.class)
class MigrateQemuTest {
    @TempDir
    Path directory = Path.of("");

    @Test
    void aLinuxMovesFromQemuToQemuAndTheProgressIsShown(QemuProcess source, Waiting waiting) throws Exception {
        try (QemuProcess destination = QemuProcess.start(directory, "destination", waiting.arguments())) {
            GodwitProcess migrate = migrate(source, listen(destination), "--set", "max-bandwidth=100M");

            assertThat(migrate.err()).isEmpty();
            assertThat(migrate.status()).isZero();
            assertThat(migrate.out()).contains("active: ", "pages left", "dirty ", "expected downtime", "moved ");
            assertMoved(source, destination);
        }
    }

    @Test
    void progressAsJsonIsOneObjectALineAndTheReportSaysHowItWas(QemuProcess source, Waiting waiting) throws Exception {
        Path report = directory.resolve("report");
        try (QemuProcess destination = QemuProcess.start(directory, "destination", waiting.arguments())) {
            GodwitProcess migrate = migrate(
                    source, listen(destination), "--json", "--report", report.toString(), "--cap", "return-path");

            assertThat(migrate.err()).isEmpty();
            assertThat(migrate.status()).isZero();
            List<JsonNode> lines =
                    migrate.out().lines().map(MigrateQemuTest::json).toList();
            assertThat(lines.getLast().path("status").asString()).isEqualTo("completed");
            assertThat(lines.getLast().path("transferredBytes").asLong()).isPositive();
            JsonNode written = json(Files.readString(report));
            assertThat(written.path("status").asString()).isEqualTo("completed");
            assertThat(written.path("pages").path("normal").asLong()).isPositive();
            assertMoved(source, destination);
        }
    }

    @Test
    void aDestinationThatRefusesTheGuestIsAFailureAndTheGuestRunsOn(QemuProcess source) throws Exception {
        List<String> empty = List.of("-machine", "none", "-incoming", "defer");
        try (QemuProcess destination = QemuProcess.start(directory, "destination", empty)) {
            GodwitProcess migrate = migrate(source, listen(destination), "--cap", "return-path");

            assertThat(migrate.status()).isEqualTo(1);
            assertThat(migrate.err()).contains("godwit migrate: The migration to tcp:", "failed");
            assertThat(source.query("query-status", "status")).isEqualTo("running");
        }
    }

    @Test
    void aDestinationThatNobodyListensAtIsAFailureAndTheGuestRunsOn(QemuProcess source) throws Exception {
        GodwitProcess migrate = migrate(source, "unix:" + directory.resolve("nobody"));

        assertThat(migrate.status()).isEqualTo(1);
        assertThat(migrate.err()).contains("godwit migrate: The migration to unix:", "failed", "nobody");
        assertThat(source.query("query-status", "status")).isEqualTo("running");
    }

    private GodwitProcess migrate(QemuProcess source, String uri, String... options) throws Exception {
        String[] arguments = new String[options.length + 4];
        System.arraycopy(options, 0, arguments, 4, options.length);
        arguments[0] = "migrate";
        arguments[1] = "--qmp";
        arguments[2] = source.qmpAddress();
        arguments[3] = uri;
        return GodwitProcess.run(directory, PATIENCE, arguments);
    }

    private static String listen(QemuProcess destination) throws Exception {
        destination.execute("migrate-incoming", "{\"uri\": \"tcp:127.0.0.1:0\"}");
        return "tcp:127.0.0.1:" + destination.query("query-migrate", "port");
    }

    private static void assertMoved(QemuProcess source, QemuProcess destination) throws Exception {
        destination.awaitMigration("completed", PATIENCE);
        assertThat(source.query("query-status", "status")).isEqualTo("postmigrate");
        assertThat(destination.query("query-status", "status")).isEqualTo("running");
        String _ = destination.awaitConsole(LinuxGuest.BEAT, PATIENCE);
    }

    private static JsonNode json(String text) {
        return Json.parse(text);
    }
}
