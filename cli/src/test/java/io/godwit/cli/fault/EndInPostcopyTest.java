// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.fault;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

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
        Lab.needsUserfaultfd();
    }

    @AfterEach
    void close() {
        lab.close();
    }

    private record Pair(Host source, Host destination) {
        List<Host> both() {
            return List.of(source, destination);
        }
    }

    /** A guest that runs at the destination while most of its memory is missing there. */
    private Pair open(String kind) {
        Lab.needs(kind);
        lab = new Lab(
                directory, List.of("--guest", kind, "--memory", "32M", "--working-set", "4M", "--dirty-rate", "20000"));
        Pair pair = new Pair(lab.source(), lab.destination());
        for (Host host : pair.both()) {
            host.setCapability("postcopy-ram", true);
        }
        pair.source().set("max-postcopy-bandwidth", PUSH_BYTES_PER_SECOND);
        Lab.switchOver(pair.source(), pair.destination());
        return pair;
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
        Pair pair = open(kind);
        assertQuitIsRefused(pair.source(), "of its pages are only here (postcopy-active)");
        assertQuitIsRefused(pair.destination(), "have yet to come from its source (postcopy-active)");
        Lab.pause(pair.source(), pair.source(), pair.destination());
        for (Host host : pair.both()) {
            assertQuitIsRefused(host, "'migrate-recover' at the destination");
        }
        Lab.recover(pair.source(), pair.destination());
        pair.source().set("max-postcopy-bandwidth", 0);
        assertThat(pair.source().awaitEnd()).isEqualTo("completed");
        assertThat(pair.destination().awaitEnd()).isEqualTo("completed");
        pair.source().ask("quit");
        assertThat(pair.source().awaitExit()).isZero();
        pair.destination().assertRunsWell(WORKING_SET_PAGES);
    }

    @ParameterizedTest
    @ValueSource(strings = {"memory", "kvm"})
    void aSourceThatIsToldToEndLetsAllMemoryGoOverFirst(String kind) {
        Pair pair = open(kind);
        pair.source().signal("TERM");
        assertQuitIsRefused(pair.source(), "only here");
        pair.source().awaitWords("SIGTERM: The guest lives at the destination");
        pair.source().set("max-postcopy-bandwidth", 0);
        assertThat(pair.source().awaitExit()).isEqualTo(TERMINATED);
        assertThat(pair.destination().awaitEnd()).as(pair.destination()::error).isEqualTo("completed");
        pair.destination().assertRunsWell(WORKING_SET_PAGES);
    }

    @ParameterizedTest
    @ValueSource(strings = {"memory", "kvm"})
    void aSourceWhoseConnectionIsLostWaitsForTheRecovery(String kind) {
        Pair pair = open(kind);
        Lab.pause(pair.source(), pair.source(), pair.destination());
        pair.source().signal("TERM");
        pair.source().awaitWords("(postcopy-paused)");
        Lab.recover(pair.source(), pair.destination());
        pair.source().set("max-postcopy-bandwidth", 0);
        assertThat(pair.source().awaitExit()).isEqualTo(TERMINATED);
        assertThat(pair.destination().awaitEnd()).isEqualTo("completed");
        pair.destination().assertRunsWell(WORKING_SET_PAGES);
    }

    @ParameterizedTest
    @ValueSource(strings = {"memory", "kvm"})
    void aDestinationThatIsToldToEndWaitsForItsMemory(String kind) {
        Pair pair = open(kind);
        pair.destination().signal("TERM");
        pair.destination().awaitWords("SIGTERM: The guest lives here");
        pair.source().set("max-postcopy-bandwidth", 0);
        assertThat(pair.destination().awaitExit()).isEqualTo(TERMINATED);
        assertThat(pair.source().awaitEnd()).isEqualTo("completed");
    }

    @ParameterizedTest
    @ValueSource(strings = {"memory", "kvm"})
    void aSecondSignalInsists(String kind) {
        Pair pair = open(kind);
        pair.source().signal("TERM");
        pair.source().awaitWords("another signal ends it at once");
        // Not INT: who starts the tests may have them ignore it.
        pair.source().signal("TERM");
        assertThat(pair.source().awaitExit()).isEqualTo(TERMINATED);
        assertThat(pair.destination().await("postcopy-paused")).isEqualTo("postcopy-paused");
    }

    @ParameterizedTest
    @ValueSource(strings = {"memory", "kvm"})
    void theWaitIsBounded(String kind) {
        Pair pair = open(kind);
        pair.source().set("x-drain-timeout", 1);
        pair.source().signal("TERM");
        assertThat(pair.source().awaitExit()).isEqualTo(TERMINATED);
        pair.source().awaitWords("The time to wait is over");
    }
}
