// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.fault;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.control.Json;
import io.godwit.control.QmpException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

/** Two host processes in postcopy, driven over QMP as an operator would: every cut pauses both, and nothing is lost. */
@Tag("kernel")
@Timeout(180)
class PostcopyHostsTest {
    private static final long WORKING_SET_PAGES = 1024;

    /** Slow enough that there is a middle. */
    private static final long PUSH_BYTES_PER_SECOND = 8 << 20;

    @TempDir
    private Path directory = Path.of("");

    private Lab lab = new Lab(Path.of(""), List.of());

    @BeforeEach
    void needsUserfaultfd() {
        Lab.needsUserfaultfd();
    }

    @AfterEach
    void close() {
        lab.close();
    }

    private void open(String kind) {
        Lab.needs(kind);
        lab = new Lab(
                directory, List.of("--guest", kind, "--memory", "32M", "--working-set", "4M", "--dirty-rate", "20000"));
    }

    /** A guest that runs at the destination while most of its memory is missing there. */
    private static void switchOver(Host source, Host destination) {
        for (Host host : List.of(source, destination)) {
            host.setCapability("postcopy-ram", true);
            host.setCapability("postcopy-preempt", true);
        }
        source.set("max-postcopy-bandwidth", PUSH_BYTES_PER_SECOND);
        Lab.switchOver(source, destination);
    }

    private static void assertArrived(Host source, Host destination) {
        assertThat(source.awaitEnd()).as(source::error).isEqualTo("completed");
        assertThat(destination.awaitEnd()).as(destination::error).isEqualTo("completed");
        assertThat(source.runState()).isEqualTo("postmigrate");
        destination.assertRunsWell(WORKING_SET_PAGES);
        assertThat(source.guest().lastNanos()).isLessThan(destination.guest().firstNanos());
        JsonNode memory = source.ask("x-godwit-ram-digest");
        assertThat(memory.path("blocks").isEmpty()).isFalse();
        assertThat(destination.ask("x-godwit-ram-digest")).isEqualTo(memory);
    }

    @ParameterizedTest
    @ValueSource(strings = {"memory", "kvm"})
    void whoeverPausesBothGoOnFromWhereTheyWere(String kind) {
        open(kind);
        Host source = lab.source();
        Host destination = lab.destination();
        switchOver(source, destination);
        assertThatThrownBy(() -> source.ask("migrate_cancel"))
                .isInstanceOf(QmpException.class)
                .hasMessageContaining("destination");
        for (Host pauses : List.of(source, destination)) {
            Lab.pause(pauses, source, destination);
            assertThat(source.error()).contains("migrate-recover", "resume");
            assertThat(source.runState()).isNotEqualTo("running");
            assertThat(destination.runState()).isEqualTo("running");
            Lab.recover(source, destination);
        }
        source.set("max-postcopy-bandwidth", 0);
        assertArrived(source, destination);
        JsonNode postcopy = destination.ask("x-godwit-statistics").path("postcopy");
        assertThat(postcopy.path("recoveries").asInt()).isEqualTo(2);
        assertThat(postcopy.path("missing-pages").asLong(-1)).isZero();
        assertThat(postcopy.path("waiting-faults").asLong(-1)).isZero();
        JsonNode answer = destination.ask("query-migrate");
        assertThat(answer.path("postcopy-latency-dist").size()).isEqualTo(24);
        assertThat(answer.path("postcopy-blocktime").isIntegralNumber()).isTrue();
        assertThat(source.ask("query-migrate")
                        .path("ram")
                        .path("postcopy-bytes")
                        .asLong())
                .isPositive();
    }

    @ParameterizedTest
    @ValueSource(strings = {"memory", "kvm"})
    void aRecoveryThatFindsNobodyPausesAgainAndTheNextOneSucceeds(String kind) {
        open(kind);
        Host source = lab.source();
        Host destination = lab.destination();
        switchOver(source, destination);
        Lab.pause(source, source, destination);
        source.resume("unix:" + directory.resolve("nobody"));
        Lab.awaitPaused(source, destination);
        Lab.recover(source, destination);
        source.set("max-postcopy-bandwidth", 0);
        assertArrived(source, destination);
    }

    @ParameterizedTest
    @ValueSource(strings = {"memory", "kvm"})
    void aRecoveryThatIsRefusedLeavesTheDestinationWhereItWaits(String kind) {
        open(kind);
        Host source = lab.source();
        Host destination = lab.destination();
        switchOver(source, destination);
        Lab.pause(source, source, destination);
        int port = destination.listenAgain();
        int taken = lab.destination().listen();
        for (String uri : List.of(
                "tcp:127.0.0.1:" + taken, "tcp:127.0.0.1:" + port, "unix:" + directory.resolve("none/at.all"))) {
            assertThatThrownBy(() ->
                            destination.ask("migrate-recover", Json.object().put("uri", uri)))
                    .as(uri)
                    .isInstanceOf(QmpException.class)
                    .hasMessageContaining(uri);
            assertThat(destination.port()).isEqualTo(port);
        }
        source.resume("tcp:127.0.0.1:" + port);
        source.set("max-postcopy-bandwidth", 0);
        assertArrived(source, destination);
    }

    @ParameterizedTest
    @ValueSource(strings = {"memory", "kvm"})
    void aHostThatHasItsGuestDoesNotEndWhenItsSourceDies(String kind) {
        open(kind);
        Host source = lab.source();
        Host destination = lab.destination("--cap", "postcopy-ram");
        source.setCapability("postcopy-ram", true);
        source.set("max-postcopy-bandwidth", PUSH_BYTES_PER_SECOND);
        destination.ask(
                "migrate-incoming", Json.object().put("uri", "tcp:127.0.0.1:0").put("exit-on-error", true));
        source.migrate("tcp:127.0.0.1:" + destination.port());
        source.ask("migrate-start-postcopy");
        assertThat(destination.await("postcopy-active")).isEqualTo("postcopy-active");
        source.await("postcopy-active");
        source.kill();
        assertThat(destination.await("postcopy-paused")).isEqualTo("postcopy-paused");
        assertThat(destination.isAlive()).isTrue();
        assertThat(destination.error()).isNotEmpty();
    }
}
