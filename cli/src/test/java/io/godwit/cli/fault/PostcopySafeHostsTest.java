// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.fault;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/**
 * Two host processes with a virtual machine in postcopy, of which the destination is killed: with postcopy-safe the
 * guest goes on at the source.
 */
@Tag("kernel")
@Timeout(180)
class PostcopySafeHostsTest {
    private static final long WORKING_SET_PAGES = 1024;
    private static final long PUSH_BYTES_PER_SECOND = 8 << 20;
    private static final int LONGEST_MILLIS = 1500;
    private static final int TERMINATED = 128 + 15;

    @TempDir
    private Path directory = Path.of("");

    private Lab lab = new Lab(Path.of(""), List.of());

    @BeforeEach
    void open() {
        Lab.needsUserfaultfd();
        Lab.needs("kvm");
        lab = new Lab(
                directory,
                List.of(
                        "--guest",
                        "kvm",
                        "--memory",
                        "64M",
                        "--fill",
                        "random",
                        "--working-set",
                        "4M",
                        "--dirty-rate",
                        "20000"));
    }

    @AfterEach
    void close() {
        lab.close();
    }

    private static void switchOver(Host source, Host destination) {
        for (Host host : List.of(source, destination)) {
            host.setCapability("postcopy-ram", true);
            host.setCapability("postcopy-preempt", true);
        }
        source.setCapability("postcopy-safe", true);
        source.set("max-postcopy-bandwidth", PUSH_BYTES_PER_SECOND);
        source.set("x-safe-epoch", 20);
        Lab.switchOver(source, destination);
    }

    private static JsonNode safety(Host host) {
        return host.ask("x-godwit-statistics").path("postcopy").path("safety");
    }

    /** Beats that the guest made at the destination and that its state at the source knows of. */
    private static long beatsKept(Host source) {
        source.ask("stop");
        JsonNode figures = source.ask("x-godwit-guest");
        source.ask("cont");
        return figures.path("guest-beats").asLong() - GuestFigures.of(figures).beats();
    }

    private static void assertGoesOnAtTheSource(Host source, long beatsHeard) {
        assertThat(source.await("failed")).as(source::lastWords).isEqualTo("failed");
        assertThat(source.error()).contains("the destination is gone", "goes on here");
        System.out.println(source.error());
        assertThat(source.owner()).isEqualTo("here");
        assertThat(source.runState()).isEqualTo("running");
        // A beat is heard before the guest has counted it.
        assertThat(beatsKept(source))
                .as("what the world has heard is not undone")
                .isGreaterThanOrEqualTo(beatsHeard - 1);
        source.assertRunsWell(WORKING_SET_PAGES);
    }

    @RepeatedTest(8)
    void aKilledDestinationLeavesTheGuestToTheSource() {
        SplittableRandom random = Lab.seeded("moment of the kill");
        Host source = lab.source();
        Host destination = lab.destination();
        switchOver(source, destination);
        long until = System.nanoTime() + random.nextInt(LONGEST_MILLIS) * 1_000_000L;
        long heard = destination.guest().beats();
        while (System.nanoTime() - until < 0) {
            heard = destination.guest().beats();
        }
        destination.kill();
        System.out.println("killed after " + heard + " beats were heard there");
        assertGoesOnAtTheSource(source, heard);
    }

    @Test
    void aDestinationKilledWhilePausedLeavesTheGuestToTheSource() {
        Host source = lab.source();
        Host destination = lab.destination();
        switchOver(source, destination);
        Lab.pause(source, source, destination);
        long heard = destination.guest().beats();
        assertThat(destination.runState()).isEqualTo("running");
        destination.kill();
        assertGoesOnAtTheSource(source, heard);
    }

    @Test
    void aDestinationThatIsToldToEndLeavesTheGuestToTheSourceAtOnce() {
        Host source = lab.source();
        Host destination = lab.destination();
        switchOver(source, destination);
        // So slow that all memory never comes while the test looks.
        source.set("max-postcopy-bandwidth", 64 << 10);
        long heard = destination.guest().beats();
        destination.signal("TERM");
        assertThat(destination.awaitExit()).as(destination::lastWords).isEqualTo(TERMINATED);
        assertGoesOnAtTheSource(source, heard);
    }

    @Test
    void aGuestThatArrivesIsHeardFreely() {
        Host source = lab.source();
        Host destination = lab.destination();
        switchOver(source, destination);
        while (safety(source).path("epochs").asLong() < 10) {
            assertThat(source.await("postcopy-active")).isEqualTo("postcopy-active");
        }
        source.set("max-postcopy-bandwidth", 0);
        assertThat(source.awaitEnd()).as(source::error).isEqualTo("completed");
        assertThat(destination.awaitEnd()).as(destination::error).isEqualTo("completed");
        destination.assertRunsWell(WORKING_SET_PAGES);
        JsonNode figures = safety(destination);
        assertThat(figures.path("active").asBoolean(true)).isFalse();
        assertThat(figures.path("held-outputs").asLong(-1)).isZero();
        assertThat(figures.path("released-outputs").asLong()).isPositive();
        assertThat(figures.path("pause").path("count").asLong()).isGreaterThanOrEqualTo(10);
        assertThat(safety(source).path("pages").asLong()).isPositive();
    }
}
