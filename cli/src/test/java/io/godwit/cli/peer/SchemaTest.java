// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.peer;

import static io.godwit.cli.peer.QemuProcess.PATIENCE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.godwit.control.QmpAddress;
import io.godwit.control.QmpClient;
import io.godwit.control.QmpServer;
import io.godwit.engine.arbiter.NoArbiter;
import io.godwit.host.MachineHost;
import io.godwit.machines.Machines;
import io.godwit.machines.guest.GuestKind;
import io.godwit.machines.guest.GuestOptions;
import io.godwit.machines.guest.Origin;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/**
 * Our answers about migrations against the schema that a QEMU tells of itself: what it does not have begins with {@code
 * x-}, and what it has always is there.
 */
@Tag("peer")
@Timeout(120)
class SchemaTest {
    @TempDir
    Path directory = Path.of("");

    private final Map<String, JsonNode> schema = new HashMap<>();

    @BeforeEach
    void readTheSchema() throws Exception {
        assumeTrue(QemuProcess.missing().isEmpty(), () -> QemuProcess.missing().orElse(""));
        try (QemuProcess qemu = QemuProcess.start(directory, "schema", List.of("-machine", "none", "-S"));
                QmpClient theirs = QmpClient.connect(QmpAddress.parse(qemu.qmpAddress()), PATIENCE)) {
            theirs.execute("query-qmp-schema", PATIENCE)
                    .values()
                    .forEach(entity -> schema.put(entity.path("name").asString(""), entity));
        }
    }

    private JsonNode entity(String name) {
        return Optional.ofNullable(schema.get(name)).orElseThrow(() -> new AssertionError(name));
    }

    private JsonNode answerOf(String command) {
        return entity(entity(command).path("ret-type").asString(""));
    }

    private static Stream<JsonNode> members(JsonNode object) {
        return object.path("members").values().stream();
    }

    private static void assertFits(JsonNode answer, JsonNode object) {
        List<String> known =
                members(object).map(member -> member.path("name").asString("")).toList();
        assertThat(answer.propertyNames())
                .allSatisfy(name -> assertThat(known.contains(name) || name.startsWith("x-"))
                        .as("'%s' is none of %s", name, known)
                        .isTrue());
        // An optional member has a default, which is null.
        assertThat(answer.propertyNames())
                .containsAll(members(object)
                        .filter(member -> !member.has("default"))
                        .map(member -> member.path("name").asString(""))
                        .toList());
    }

    @Test
    void answersFitTheSchema() throws Exception {
        GuestOptions options =
                GuestOptions.defaults().withKind(GuestKind.MEMORY).withMemoryBytes(4 << 20);
        try (ServerSocket deaf = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
                MachineHost host = new MachineHost(Machines.create(options), new NoArbiter(), Origin.BOOT, false);
                QmpServer server = QmpServer.open(QmpAddress.parse("tcp:127.0.0.1:0"), host);
                QmpClient ours = QmpClient.connect(server.address(), PATIENCE)) {
            assertFits(ours.execute("query-migrate-parameters", PATIENCE), answerOf("query-migrate-parameters"));
            assertFits(ours.execute("query-migrate", PATIENCE), answerOf("query-migrate"));
            // It takes the connection and never answers, so the migration is under way.
            host.migration().migrate("tcp:127.0.0.1:" + deaf.getLocalPort());
            JsonNode answer = ours.execute("query-migrate", PATIENCE);
            while (!answer.has("ram")) {
                answer = ours.execute("query-migrate", PATIENCE);
            }
            assertFits(answer, answerOf("query-migrate"));
            String ram = members(answerOf("query-migrate"))
                    .filter(member -> member.path("name").asString("").equals("ram"))
                    .findFirst()
                    .orElseThrow()
                    .path("type")
                    .asString("");
            assertFits(answer.path("ram"), entity(ram));
        }
    }

    @Test
    void allCapabilitiesAreNamed() {
        GuestOptions options =
                GuestOptions.defaults().withKind(GuestKind.MEMORY).withMemoryBytes(4 << 20);
        JsonNode element = entity(
                answerOf("query-migrate-capabilities").path("element-type").asString(""));
        List<String> theirs = members(element)
                .filter(member -> member.path("name").asString("").equals("capability"))
                .flatMap(member -> entity(member.path("type").asString("")).path("values").values().stream())
                .map(value -> value.asString(""))
                .toList();
        try (MachineHost host = new MachineHost(Machines.create(options), new NoArbiter(), Origin.BOOT, false);
                QmpServer server = QmpServer.open(QmpAddress.parse("tcp:127.0.0.1:0"), host);
                QmpClient ours = QmpClient.connect(server.address(), PATIENCE)) {
            List<String> named = ours.execute("query-migrate-capabilities", PATIENCE).values().stream()
                    .map(capability -> capability.path("capability").asString(""))
                    .toList();
            assertThat(named).containsAll(theirs);
            assertThat(named.stream().filter(name -> !theirs.contains(name))).allMatch(name -> name.startsWith("x-"));
        }
    }
}
