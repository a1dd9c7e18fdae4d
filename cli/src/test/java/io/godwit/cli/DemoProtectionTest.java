// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import io.godwit.control.Json;
import io.godwit.machines.Machines;
import io.godwit.machines.guest.GuestKind;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import picocli.CommandLine;
import tools.jackson.databind.JsonNode;

/** {@code godwit demo --mode colo}: three real hosts, one of which is killed, and clients who check what they hear. */
@Timeout(180)
class DemoProtectionTest {
    @TempDir
    private Path directory = Path.of("");

    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();

    private int demo(String... options) {
        CommandLine line = GodwitCommand.commandLine();
        line.setOut(new PrintWriter(out, true));
        line.setErr(new PrintWriter(err, true));
        String[] words = new String[options.length + 3];
        words[0] = "demo";
        words[1] = "--mode";
        words[2] = "colo";
        System.arraycopy(options, 0, words, 3, options.length);
        return line.execute(words);
    }

    @ParameterizedTest
    @CsvSource({
        "kvm, --kill=primary, --kill-at=1",
        "kvm, --kill=secondary, --kill-at=checkpoint",
        "memory, --periodic, --kill-at=checkpoint"
    })
    @Tag("kernel")
    void whicheverHostDiesNoClientIsToldWrongAndTheSurvivorIsProtectedAgain(String kind, String option, String moment)
            throws Exception {
        assumeThat(Machines.choose(GuestKind.AUTO).kind())
                .as("KVM is needed: " + Machines.choose(GuestKind.AUTO).reason())
                .isEqualTo(GuestKind.KVM);
        Path file = directory.resolve("report.json");
        assertThat(demo("--guest", kind, "--memory", "32M", "--working-set", "4M", option, moment, "--report=" + file))
                .as(err + "\n" + out)
                .isZero();
        JsonNode report = Json.parse(Files.readString(file));
        assertThat(report.path("killed").asString(""))
                .isEqualTo(option.contains("secondary") ? "secondary" : "primary");
        assertThat(report.path("answers").asLong(0)).isPositive();
        assertThat(report.path("failoverNanos").asLong(0)).isPositive();
        assertThat(report.path("findings").isEmpty()).isTrue();
        assertThat(report.path("workShare").asDouble(0))
                .isPositive()
                .isEqualTo(report.path("answersPerSecondProtected").asDouble(0)
                        / report.path("answersPerSecondAlone").asDouble(0));
        for (String protection : List.of("first", "again")) {
            JsonNode sides = report.path(protection);
            assertThat(sides.path("primary").path("mode").asString("")).isEqualTo("primary");
            assertThat(sides.path("secondary").path("mode").asString("")).isEqualTo("secondary");
        }
        assertThat(report.path("again").path("primary").path("checkpoints").asLong(0))
                .isPositive();
        assertThat(out.toString())
                .contains("nothing lost, doubled or wrong", "is killed (SIGKILL)", "% of what it does alone");
    }

    @Test
    void whatBelongsToProtectionNeedsIt() {
        CommandLine line = GodwitCommand.commandLine();
        line.setErr(new PrintWriter(err, true));
        assertThat(line.execute("demo", "--kill", "primary")).isEqualTo(2);
        assertThat(err.toString()).contains("need --mode colo");
    }

    @Test
    void onlyAGuestThatAnswersIsShownProtected() {
        assertThat(demo("--program", "idle")).isEqualTo(2);
        assertThat(err.toString()).contains("--program service");
    }

    @Test
    void aMomentIsANumberOfSecondsOrACheckpoint() {
        assertThat(demo("--kill-at", "soon")).isEqualTo(2);
        assertThat(err.toString()).contains("neither 'checkpoint' nor a number of seconds");
    }
}
