// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.fault;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.control.Json;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/** {@code godwit migrate} whose source dies or stands still: its last word is never about a connection. */
@Timeout(300)
class LostSourceTest {
    private static final List<String> GUEST =
            List.of("--guest", "memory", "--memory", "32M", "--working-set", "4M", "--dirty-rate", "2000");
    private static final long MIDDLE_BYTES = 4 << 20;

    @TempDir
    private Path directory = Path.of("");

    private Lab lab = new Lab(Path.of(""), List.of());

    @BeforeEach
    void open() {
        lab = new Lab(directory, GUEST);
    }

    @AfterEach
    void close() {
        lab.close();
    }

    private static Command migrate(Host source, String uri, String... more) {
        List<String> words =
                new ArrayList<>(List.of("migrate", "--qmp", source.address().toString(), uri));
        words.addAll(List.of(more));
        return Command.start(words.toArray(new String[0]));
    }

    @Test
    void aSourceThatDiesWhenTheGuestHasMovedIsNoFailure() throws Exception {
        Host source = lab.source();
        Host destination = lab.destination();
        Path report = directory.resolve("report.json");
        try (Tap tap = new Tap(destination.listen())) {
            tap.arm(Long.MAX_VALUE, source::kill);
            tap.loseVerdict();
            source.qmp();
            try (Command command = migrate(
                    source,
                    tap.uri(),
                    "--destination",
                    destination.address().toString(),
                    "--report",
                    report.toString())) {
                assertThat(command.awaitEnd()).as(command::said).isZero();
                assertThat(command.said())
                        .contains(
                                "is gone",
                                "The destination says that the migration is completed: the guest runs there");
            }
            JsonNode written = Json.parse(Files.readString(report));
            assertThat(written.path("status").asString("")).isEqualTo("completed");
            assertThat(written.path("x-owner").asString("")).isEqualTo("peer");
            destination.assertRunsWell(1024);
        }
    }

    @Test
    void aSourceThatDiesBeforeTheGuestHasMovedIsToldOfByTheDestination() throws Exception {
        Host source = lab.source();
        Host destination = lab.destination();
        try (Tap tap = new Tap(destination.listen())) {
            tap.arm(MIDDLE_BYTES, source::kill);
            source.qmp();
            try (Command command = migrate(
                    source, tap.uri(), "--destination", destination.address().toString())) {
                assertThat(command.awaitEnd()).as(command::said).isEqualTo(1);
                assertThat(command.said())
                        .contains("The source is gone", "The destination says: failed", "The guest did not move");
            }
        }
    }

    @Test
    void withoutADestinationToAskItSaysWhereToLook() throws Exception {
        Host source = lab.source();
        Host destination = lab.destination();
        try (Tap tap = new Tap(destination.listen())) {
            tap.arm(Long.MAX_VALUE, source::kill);
            source.qmp();
            Path report = directory.resolve("report.json");
            try (Command command = migrate(source, tap.uri(), "--report", report.toString())) {
                assertThat(command.awaitEnd()).as(command::said).isEqualTo(1);
                assertThat(command.said())
                        .contains("The source is gone", "Only the destination knows", "query-migrate says completed");
            }
            assertThat(Json.parse(Files.readString(report)).path("status").asString(""))
                    .isEqualTo("unknown");
        }
    }

    @Test
    void aSourceThatStandsStillForAWhileIsWaitedFor() throws Exception {
        Host source = lab.source();
        Host destination = lab.destination();
        try (Tap tap = new Tap(destination.listen())) {
            tap.arm(MIDDLE_BYTES, source::freeze);
            source.qmp();
            try (Command command = migrate(source, tap.uri())) {
                command.awaitWords("has not answered for 2 s");
                source.thaw();
                assertThat(command.awaitEnd()).as(command::said).isZero();
                assertThat(command.said()).contains("The source answers again.", "  moved     32 MiB");
            }
            destination.assertRunsWell(1024);
        }
    }

    @Test
    void aSourceThatStandsStillForTooLongIsLeftToItsMigration() throws Exception {
        Host source = lab.source();
        Host destination = lab.destination();
        try (Tap tap = new Tap(destination.listen())) {
            tap.arm(MIDDLE_BYTES, source::freeze);
            source.qmp();
            try (Command command = migrate(source, tap.uri(), "--patience", "3")) {
                assertThat(command.awaitEnd()).as(command::said).isEqualTo(1);
                String socket = " | socat -t 5 - UNIX-CONNECT:" + directory;
                assertThat(command.said())
                        .contains(
                                "Nothing was cancelled: the migration goes on",
                                "{\"execute\":\"query-migrate\"}'" + socket)
                        .contains("{\"execute\":\"migrate_cancel\"}'" + socket);
            }
            source.thaw();
            assertThat(source.awaitEnd()).as(source.error()).isEqualTo("completed");
            destination.assertRunsWell(1024);
        }
    }

    @Test
    void whatFailedIsSaidOnce() throws Exception {
        Host source = lab.source();
        source.qmp();
        try (Command command = migrate(source, "tcp:127.0.0.1:1")) {
            assertThat(command.awaitEnd()).isEqualTo(1);
            assertThat(command.said().lines().toList())
                    .last()
                    .asString()
                    .containsOnlyOnce("The migration to tcp:127.0.0.1:1 failed");
        }
        source.assertRunsWell(1024);
    }

    @Test
    void whyTheDestinationRefusedIsSaidWhereItCanBeAsked() throws Exception {
        Host source = lab.source();
        try (Lab larger = new Lab(directory, List.of("--guest", "memory", "--memory", "48M"))) {
            Host destination = larger.destination();
            source.qmp();
            String uri = "tcp:127.0.0.1:" + destination.listen();
            try (Command command =
                    migrate(source, uri, "--destination", destination.address().toString())) {
                assertThat(command.awaitEnd()).as(command::said).isEqualTo(1);
                assertThat(command.said()).contains("The destination says: failed: ", "50331648");
            }
        }
        source.assertRunsWell(1024);
    }
}
