// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.control.Json;
import io.godwit.control.QmpClient;
import io.godwit.control.QmpEvent;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

/** Two real host processes, and what becomes of the guest when something happens to one of them. */
class HostsUnderFaultsTest {
    private static final Duration PATIENCE = Duration.ofSeconds(30);
    private static final List<String> GUEST =
            List.of("--guest", "memory", "--memory", "64M", "--working-set", "4M", "--dirty-rate", "2000");

    private final DemoHosts hosts = DemoHosts.start(GUEST);
    private QmpClient source = hosts.source().connect();
    private QmpClient destination = hosts.destination().connect();

    @BeforeEach
    void begin() {
        for (QmpClient client : List.of(source, destination)) {
            client.execute(
                    "migrate-set-capabilities",
                    (tools.jackson.databind.node.ObjectNode)
                            Json.parse("{\"capabilities\":[{\"capability\":\"events\",\"state\":true}]}"),
                    PATIENCE);
        }
    }

    @AfterEach
    void end() {
        source.close();
        destination.close();
        hosts.close();
    }

    /** Starts a migration at a rate that would take half a minute. */
    private void migrateSlowly() throws InterruptedException {
        destination.execute("migrate-incoming", Json.object().put("uri", "tcp:127.0.0.1:0"), PATIENCE);
        String port = destination
                .execute("query-migrate", PATIENCE)
                .path("socket-address")
                .path(0)
                .path("port")
                .asString("0");
        source.execute("migrate-set-parameters", Json.object().put("max-bandwidth", 2 << 20), PATIENCE);
        source.execute("migrate", Json.object().put("uri", "tcp:127.0.0.1:" + port), PATIENCE);
        await(source, "active");
    }

    private static void await(QmpClient client, String status) throws InterruptedException {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (System.nanoTime() - deadline < 0) {
            Optional<QmpEvent> event = client.nextEvent(PATIENCE);
            if (event.isPresent()
                    && event.get().data().path("status").asString("").equals(status)) {
                return;
            }
        }
        throw new AssertionError("no event MIGRATION with status " + status + " within " + PATIENCE);
    }

    private static void assertRuns(QmpClient client) throws InterruptedException {
        assertThat(client.execute("query-status", PATIENCE).path("running").asBoolean(false))
                .isTrue();
        long beats = beats(client);
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (beats(client) == beats) {
            assertThat(System.nanoTime() - deadline).as("the guest beats").isNegative();
        }
    }

    private static long beats(QmpClient client) {
        return client.execute("x-godwit-guest", PATIENCE)
                .path("vcpus")
                .path(0)
                .path("beats")
                .asLong(-1);
    }

    @Test
    void theGuestStaysWhenTheDestinationIsKilled() throws InterruptedException {
        migrateSlowly();
        hosts.destination().kill();
        await(source, "failed");
        JsonNode outcome = source.execute("x-godwit-statistics", PATIENCE);
        assertThat(outcome.path("owner").asString()).isEqualTo("here");
        assertThat(outcome.path("error-desc").asString("")).isNotEmpty();
        assertRuns(source);
    }

    @Test
    void nobodyRunsAHalfGuestWhenTheSourceIsKilled() throws InterruptedException {
        migrateSlowly();
        hosts.source().kill();
        await(destination, "failed");
        assertThat(destination.execute("query-status", PATIENCE).path("running").asBoolean(true))
                .isFalse();
        assertThat(beats(destination)).isZero();
        assertThat(destination
                        .execute("query-migrate", PATIENCE)
                        .path("error-desc")
                        .asString(""))
                .isNotEmpty();
    }

    @Test
    void aCancelledGuestStaysAndCanBeMigratedLater() throws InterruptedException {
        migrateSlowly();
        source.execute("migrate_cancel", PATIENCE);
        await(source, "cancelled");
        assertRuns(source);
        assertThat(beats(destination)).isZero();
    }

    @Test
    void theGuestWaitsBeforeTheSwitchoverUntilToldToGoOn() throws InterruptedException {
        source.execute(
                "migrate-set-capabilities",
                (tools.jackson.databind.node.ObjectNode)
                        Json.parse("{\"capabilities\":[{\"capability\":\"pause-before-switchover\",\"state\":true}]}"),
                PATIENCE);
        migrateSlowly();
        source.execute("migrate-set-parameters", Json.object().put("max-bandwidth", 0), PATIENCE);
        await(source, "pre-switchover");
        assertThat(source.execute("query-status", PATIENCE).path("status").asString())
                .isEqualTo("finish-migrate");
        source.execute("migrate-continue", Json.object().put("state", "pre-switchover"), PATIENCE);
        await(source, "completed");
        assertRuns(destination);
        Verification proof = Verification.of(source, destination);
        assertThat(proof.ramIdentical()).isTrue();
        assertThat(proof.runsOn()).isEqualTo(Verification.RunsOn.DESTINATION);
    }
}
