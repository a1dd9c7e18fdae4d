// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.fault;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import io.godwit.linux.memory.Support;
import io.godwit.linux.memory.Userfaultfd;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A host that is started with {@code --paused} and waits for a guest: the guest waits for {@code cont} there. */
@Timeout(180)
class PausedArrivalTest {
    private static final long WORKING_SET_PAGES = 1024;
    private static final List<String> GUEST =
            List.of("--guest", "memory", "--memory", "32M", "--working-set", "4M", "--dirty-rate", "20000");

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

    @Test
    void aGuestThatArrivesByPrecopyWaitsForCont() {
        Host source = lab.source();
        Host destination = lab.destination("--paused");
        source.migrate("tcp:127.0.0.1:" + destination.listen());
        assertCompleted(source, destination);
        assertThat(destination.runState()).isEqualTo("paused");
        assertThat(destination.ask("query-status").path("running").asBoolean(true))
                .isFalse();
        assertThat(source.runState()).isEqualTo("postmigrate");
        destination.ask("cont");
        destination.assertRunsWell(WORKING_SET_PAGES);
    }

    @Test
    @Tag("kernel")
    void theMemoryOfAGuestThatWaitsForContComesByPostcopy() {
        Support support = Userfaultfd.support(Set.of(), Userfaultfd.Faults.USER);
        assumeThat(support).as("userfaultfd is needed: " + support).isEqualTo(new Support.Available());
        Host source = lab.source();
        Host destination = lab.destination("--paused", "--cap", "postcopy-ram");
        source.setCapability("postcopy-ram", true);
        // A pass that never ends: the switch comes in the middle of it.
        source.set("max-bandwidth", 1 << 20);
        source.migrate("tcp:127.0.0.1:" + destination.listen());
        source.ask("migrate-start-postcopy");
        assertCompleted(source, destination);
        assertThat(destination
                        .ask("x-godwit-statistics")
                        .path("postcopy")
                        .path("pushed-pages")
                        .asLong())
                .as("pages that came behind the guest")
                .isPositive();
        assertThat(destination.runState()).isEqualTo("paused");
        destination.ask("cont");
        destination.assertRunsWell(WORKING_SET_PAGES);
    }

    private static void assertCompleted(Host source, Host destination) {
        assertThat(source.awaitEnd()).as(source::error).isEqualTo("completed");
        assertThat(destination.awaitEnd()).as(destination::error).isEqualTo("completed");
    }
}
