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

/** A host that is asked to end while the guest is in two halves does not take one of them with it. */
@Tag("kernel")
@Timeout(180)
class EndInPostcopyTest {
    private static final long WORKING_SET_PAGES = 1024;
    private static final int TERMINATED = 128 + 15;

    /** So slow that it never ends by itself while a test looks. */
    private static final long PUSH_BYTES_PER_SECOND = 64 << 10;

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
        for (Host host : List.of(lab.source(), lab.destination())) {
            ObjectNode on = Json.object();
            on.set("capabilities", Json.parse("[{'capability':'postcopy-ram','state':true}]"));
            host.ask("migrate-set-capabilities", on);
        }
        lab.source().set("max-postcopy-bandwidth", PUSH_BYTES_PER_SECOND);
        lab.source().migrate("tcp:127.0.0.1:" + lab.destination().listen());
        lab.source().ask("migrate-start-postcopy");
        for (Host host : List.of(lab.source(), lab.destination())) {
            assertThat(host.await("postcopy-active")).as(host::lastWords).isEqualTo("postcopy-active");
        }
    }

    private static void assertQuitIsRefused(Host host, String sentence) {
        assertThatThrownBy(() -> host.ask("quit"))
                .isInstanceOf(QmpException.class)
                .hasMessageContaining(sentence)
                .hasMessageContaining("the guest is lost");
        assertThat(host.isAlive()).isTrue();
    }

    @ParameterizedTest
    @ValueSource(strings = {"memory", "kvm"})
    void quitIsRefusedUntilTheMemoryIsWhole(String kind) {
        open(kind);
        assertQuitIsRefused(lab.source(), "of its pages are only here (postcopy-active)");
        assertQuitIsRefused(lab.destination(), "have yet to come from its source (postcopy-active)");
        lab.source().ask("migrate-pause");
        for (Host host : List.of(lab.source(), lab.destination())) {
            assertThat(host.await("postcopy-paused")).isEqualTo("postcopy-paused");
            assertQuitIsRefused(host, "'migrate-recover' at the destination");
        }
        recover();
        lab.source().set("max-postcopy-bandwidth", 0);
        assertThat(lab.source().awaitEnd()).isEqualTo("completed");
        assertThat(lab.destination().awaitEnd()).isEqualTo("completed");
        lab.source().ask("quit");
        assertThat(lab.source().awaitExit()).isZero();
        lab.destination().assertRunsWell(WORKING_SET_PAGES);
    }

    @ParameterizedTest
    @ValueSource(strings = {"memory", "kvm"})
    void aSourceThatIsToldToEndLetsAllMemoryGoOverFirst(String kind) {
        open(kind);
        lab.source().signal("TERM");
        assertQuitIsRefused(lab.source(), "only here");
        lab.source().awaitWords("SIGTERM: The guest lives at the destination");
        lab.source().set("max-postcopy-bandwidth", 0);
        assertThat(lab.source().awaitExit()).isEqualTo(TERMINATED);
        assertThat(lab.destination().awaitEnd()).as(lab.destination()::error).isEqualTo("completed");
        lab.destination().assertRunsWell(WORKING_SET_PAGES);
    }

    @ParameterizedTest
    @ValueSource(strings = {"memory", "kvm"})
    void aSourceWhoseConnectionIsLostWaitsForTheRecovery(String kind) {
        open(kind);
        lab.source().ask("migrate-pause");
        for (Host host : List.of(lab.source(), lab.destination())) {
            assertThat(host.await("postcopy-paused")).isEqualTo("postcopy-paused");
        }
        lab.source().signal("TERM");
        lab.source().awaitWords("(postcopy-paused)");
        recover();
        lab.source().set("max-postcopy-bandwidth", 0);
        assertThat(lab.source().awaitExit()).isEqualTo(TERMINATED);
        assertThat(lab.destination().awaitEnd()).isEqualTo("completed");
        lab.destination().assertRunsWell(WORKING_SET_PAGES);
    }

    @ParameterizedTest
    @ValueSource(strings = {"memory", "kvm"})
    void aDestinationThatIsToldToEndWaitsForItsMemory(String kind) {
        open(kind);
        lab.destination().signal("TERM");
        lab.destination().awaitWords("SIGTERM: The guest lives here");
        lab.source().set("max-postcopy-bandwidth", 0);
        assertThat(lab.destination().awaitExit()).isEqualTo(TERMINATED);
        assertThat(lab.source().awaitEnd()).isEqualTo("completed");
    }

    @ParameterizedTest
    @ValueSource(strings = {"memory", "kvm"})
    void aSecondSignalInsists(String kind) {
        open(kind);
        lab.source().signal("TERM");
        lab.source().awaitWords("another signal ends it at once");
        lab.source().signal("INT");
        assertThat(lab.source().awaitExit()).isEqualTo(128 + 2);
        assertThat(lab.destination().await("postcopy-paused")).isEqualTo("postcopy-paused");
    }

    @ParameterizedTest
    @ValueSource(strings = {"memory", "kvm"})
    void theWaitIsBounded(String kind) {
        open(kind);
        lab.source().set("x-drain-timeout", 1);
        lab.source().signal("TERM");
        assertThat(lab.source().awaitExit()).isEqualTo(TERMINATED);
        lab.source().awaitWords("The time to wait is over");
    }

    private void recover() {
        lab.destination().ask("migrate-recover", Json.object().put("uri", "tcp:127.0.0.1:0"));
        JsonNode address =
                lab.destination().ask("query-migrate").path("socket-address").path(0);
        lab.source()
                .ask(
                        "migrate",
                        Json.object()
                                .put(
                                        "uri",
                                        "tcp:127.0.0.1:" + address.path("port").asString("0"))
                                .put("resume", true));
        assertThat(lab.source().await("postcopy-active")).isEqualTo("postcopy-active");
    }
}
