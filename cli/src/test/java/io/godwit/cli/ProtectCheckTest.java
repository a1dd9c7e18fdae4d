// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.control.Json;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import picocli.CommandLine;
import tools.jackson.databind.JsonNode;

/** What {@code godwit protect} says is missing, before hosts that answer from a table, and that it changes nothing. */
@Timeout(60)
class ProtectCheckTest {
    private static final List<String> QUESTIONS = List.of(
            "qmp_capabilities",
            "query-migrate",
            "query-migrate-capabilities",
            "query-status",
            "query-commands",
            "query-memory-size-summary",
            "qom-get",
            "x-godwit-guest");

    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();
    private final List<ScriptedQmp> hosts = new ArrayList<>();

    @AfterEach
    void close() throws IOException {
        for (ScriptedQmp host : hosts) {
            host.close();
        }
    }

    private ScriptedQmp host(ScriptedQmp host, String status) {
        hosts.add(host);
        return host.answers("query-status", "{\"status\": \"" + status + "\"}")
                .answers("query-migrate", "{}")
                .answers("query-migrate-capabilities", "[]")
                .answers("query-commands", "[{\"name\": \"x-colo-lost-heartbeat\"}]");
    }

    private ScriptedQmp godwit(String status) throws IOException {
        return host(ScriptedQmp.godwit(), status)
                .answers("x-godwit-guest", "{\"kind\": \"kvm\", \"memory-bytes\": 67108864}");
    }

    private ScriptedQmp qemu(String status, int major, int minor, int micro) throws IOException {
        return host(ScriptedQmp.qemu(major, minor, micro), status)
                .answers("qom-get", "\"pc-i440fx-10.0-machine\"")
                .answers("query-memory-size-summary", "{\"base-memory\": 67108864}");
    }

    private int check(ScriptedQmp primary, ScriptedQmp secondary, String... options) {
        CommandLine line = GodwitCommand.commandLine();
        line.setOut(new PrintWriter(out, true));
        line.setErr(new PrintWriter(err, true));
        List<String> words = new ArrayList<>(
                List.of("protect", "--qmp", primary.address(), "--secondary", secondary.address(), "--check"));
        words.addAll(List.of(options));
        int status = line.execute(words.toArray(String[]::new));
        for (ScriptedQmp host : hosts) {
            assertThat(QUESTIONS).as("nothing is changed").containsAll(host.asked());
        }
        return status;
    }

    private void assertMissing(ScriptedQmp primary, ScriptedQmp secondary, String sentence) {
        assertThat(check(primary, secondary)).as(out::toString).isEqualTo(1);
        assertThat(out.toString().lines().filter(line -> line.startsWith("Missing: ")))
                .singleElement()
                .asString()
                .contains(sentence);
        assertThat(err.toString()).contains("nothing was changed");
    }

    @Test
    void aPairOfGodwitsLacksNothingAndIsToldOfTheToken() throws Exception {
        assertThat(check(godwit("running"), godwit("inmigrate"))).isZero();
        assertThat(out.toString()).contains("Nothing is missing.", "the token of their arbiter");
    }

    @Test
    void aPairOfQemusIsToldThatItHasNoToken() throws Exception {
        ScriptedQmp primary = qemu("running", 10, 2, 0)
                .answers("query-migrate-capabilities", "[{\"capability\": \"return-path\", \"state\": true}]");
        assertThat(check(primary, qemu("inmigrate", 10, 2, 0))).isZero();
        assertThat(out.toString())
                .contains("A QEMU has no token", "return-path is switched off", "Nothing is missing.");
    }

    @ParameterizedTest
    @CsvSource({"10, 0, 0, 1", "10, 0, 6, 1", "10, 0, 7, 0", "9, 2, 4, 0", "7, 2, 22, 0", "10, 2, 0, 0"})
    void onlyTheReleasesThatAreBrokenAsAPrimaryAreRefusedAsOne(int major, int minor, int micro, int status)
            throws Exception {
        assertThat(check(qemu("running", major, minor, micro), qemu("inmigrate", 10, 0, 2)))
                .isEqualTo(status);
        assertThat(out.toString().contains("10.0.7 and later do")).isEqualTo(status == 1);
    }

    @Test
    void aSecondaryThatHasAGuestDoesNotWaitForOne() throws Exception {
        assertMissing(godwit("running"), godwit("running"), "does not wait for a guest: it is 'running'");
    }

    @Test
    void aPrimaryWithoutAGuestHasNothingToProtect() throws Exception {
        assertMissing(godwit("inmigrate"), godwit("inmigrate"), "no guest to protect");
    }

    @Test
    void aQemuThatWasBuiltWithoutReplicationIsSaidToBeSo() throws Exception {
        ScriptedQmp secondary = qemu("inmigrate", 10, 0, 2).answers("query-commands", "[]");
        assertMissing(qemu("running", 9, 2, 0), secondary, "built without replication");
    }

    @Test
    void capabilitiesThatDoNotGoTogetherAreNamed() throws Exception {
        ScriptedQmp primary = godwit("running")
                .answers("query-migrate-capabilities", "[{\"capability\": \"postcopy-ram\", \"state\": true}]");
        assertMissing(primary, godwit("inmigrate"), "At the primary postcopy-ram is on");
    }

    @Test
    void aSecondaryThatListensWithoutTheCapabilityMustBeStartedAnew() throws Exception {
        ScriptedQmp secondary = qemu("inmigrate", 10, 0, 2)
                .answers(
                        "query-migrate",
                        "{\"status\": \"setup\", \"socket-address\": [{\"type\": \"inet\", \"host\": \"::1\","
                                + " \"port\": \"99\"}]}");
        assertMissing(qemu("running", 9, 2, 0), secondary, "listens at tcp:[::1]:99 with x-colo off");
    }

    @Test
    void aGuestOfGodwitsOwnCannotBeProtectedByAQemu() throws Exception {
        assertMissing(godwit("running"), qemu("inmigrate", 10, 0, 2), "'godwit-kvm', which no QEMU has");
        assertThat(out.toString()).contains("wait for the next checkpoint");
    }

    @Test
    void aQemusGuestNeedsAnOpaqueGodwit() throws Exception {
        assertMissing(qemu("running", 9, 2, 0), godwit("inmigrate"), "--guest opaque");
    }

    @Test
    void memoryMustBeTheSame() throws Exception {
        ScriptedQmp small =
                godwit("inmigrate").answers("x-godwit-guest", "{\"kind\": \"kvm\", \"memory-bytes\": 33554432}");
        assertMissing(godwit("running"), small, "has 64 MiB of memory, and the secondary 32 MiB");
    }

    @Test
    void anOpaqueHostKeepsWhateverComesAndCannotRunIt() throws Exception {
        ScriptedQmp opaque =
                godwit("inmigrate").answers("x-godwit-guest", "{\"kind\": \"opaque\", \"memory-bytes\": 0}");
        assertThat(check(qemu("running", 9, 2, 0), opaque)).as(out::toString).isZero();
        assertThat(out.toString()).contains("cannot run it");
    }

    @Test
    void settingsOfGodwitsOwnAreNotForAQemu() throws Exception {
        assertThat(check(qemu("running", 9, 2, 0), qemu("inmigrate", 9, 2, 0), "--periodic", "--delay", "1s"))
                .isEqualTo(1);
        assertThat(out.toString()).contains("x-colo-periodic is Godwit's own").doesNotContain("x-checkpoint-delay is");
    }

    @Test
    void aProgramIsToldInOneObject() throws Exception {
        assertThat(check(godwit("running"), godwit("running"), "--json")).isEqualTo(1);
        JsonNode line = Json.parse(out.toString());
        assertThat(line.path("missing").size()).isEqualTo(1);
        assertThat(line.path("notes").size()).isPositive();
    }

    @Test
    void somebodyMustBeTheSecondary() {
        CommandLine line = GodwitCommand.commandLine();
        line.setErr(new PrintWriter(err, true));
        assertThat(line.execute("protect", "--qmp", "unix:/nowhere")).isEqualTo(2);
        assertThat(err.toString()).contains("--secondary");
    }
}
