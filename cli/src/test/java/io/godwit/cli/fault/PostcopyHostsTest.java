// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.fault;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import io.godwit.control.Json;
import io.godwit.control.QmpException;
import io.godwit.linux.memory.Support;
import io.godwit.linux.memory.Userfaultfd;
import io.godwit.machines.Machines;
import io.godwit.machines.guest.GuestKind;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

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
        Support support = Userfaultfd.support(Set.of(), Userfaultfd.Faults.USER_AND_KERNEL);
        assumeThat(support).as("userfaultfd is needed: " + support).isEqualTo(new Support.Available());
    }

    @AfterEach
    void close() {
        lab.close();
    }

    private void open(String kind) {
        if (kind.equals("kvm")) {
            assumeThat(Machines.choose(GuestKind.AUTO).kind())
                    .as("KVM is needed: " + Machines.choose(GuestKind.AUTO).reason())
                    .isEqualTo(GuestKind.KVM);
        }
        lab = new Lab(
                directory, List.of("--guest", kind, "--memory", "32M", "--working-set", "4M", "--dirty-rate", "20000"));
    }

    /** A guest that runs at the destination while most of its memory is missing there. */
    private static void switchOver(Host source, Host destination) {
        for (Host host : List.of(source, destination)) {
            ObjectNode both = Json.object();
            both.set(
                    "capabilities",
                    Json.parse("[{'capability':'postcopy-ram','state':true},"
                            + "{'capability':'postcopy-preempt','state':true}]"));
            host.ask("migrate-set-capabilities", both);
        }
        source.set("max-postcopy-bandwidth", PUSH_BYTES_PER_SECOND);
        source.migrate("tcp:127.0.0.1:" + destination.listen());
        source.ask("migrate-start-postcopy");
        assertThat(source.await("postcopy-active")).as(source::lastWords).isEqualTo("postcopy-active");
        assertThat(destination.await("postcopy-active"))
                .as(destination::lastWords)
                .isEqualTo("postcopy-active");
    }

    private static void recover(Host source, Host destination) {
        destination.ask("migrate-recover", Json.object().put("uri", "tcp:127.0.0.1:0"));
        JsonNode address =
                destination.ask("query-migrate").path("socket-address").path(0);
        source.ask(
                "migrate",
                Json.object()
                        .put("uri", "tcp:127.0.0.1:" + address.path("port").asString("0"))
                        .put("resume", true));
    }

    private static void awaitBothPaused(Host source, Host destination) {
        assertThat(source.await("postcopy-paused")).isEqualTo("postcopy-paused");
        assertThat(destination.await("postcopy-paused")).isEqualTo("postcopy-paused");
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
            pauses.ask("migrate-pause");
            awaitBothPaused(source, destination);
            assertThat(source.error()).contains("migrate-recover", "resume");
            assertThat(source.runState()).isNotEqualTo("running");
            assertThat(destination.runState()).isEqualTo("running");
            recover(source, destination);
            assertThat(source.await("postcopy-active")).isEqualTo("postcopy-active");
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
        source.ask("migrate-pause");
        awaitBothPaused(source, destination);
        source.ask(
                "migrate",
                Json.object().put("uri", "unix:" + directory.resolve("nobody")).put("resume", true));
        awaitBothPaused(source, destination);
        source.set("max-postcopy-bandwidth", 0);
        recover(source, destination);
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
        JsonNode address =
                destination.ask("query-migrate").path("socket-address").path(0);
        source.migrate("tcp:127.0.0.1:" + address.path("port").asString("0"));
        source.ask("migrate-start-postcopy");
        assertThat(destination.await("postcopy-active")).isEqualTo("postcopy-active");
        source.await("postcopy-active");
        source.kill();
        assertThat(destination.await("postcopy-paused")).isEqualTo("postcopy-paused");
        assertThat(destination.isAlive()).isTrue();
        assertThat(destination.error()).isNotEmpty();
    }
}
