// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.peer;

import static io.godwit.cli.peer.QemuProcess.PATIENCE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.godwit.control.Json;
import io.godwit.control.QmpAddress;
import io.godwit.control.QmpClient;
import io.godwit.control.QmpException;
import io.godwit.control.QmpServer;
import io.godwit.engine.arbiter.NoArbiter;
import io.godwit.host.MachineHost;
import io.godwit.linux.kvm.Kvm;
import io.godwit.linux.kvm.KvmSupport;
import io.godwit.machines.Machines;
import io.godwit.machines.guest.GuestKind;
import io.godwit.machines.guest.GuestOptions;
import io.godwit.machines.guest.Origin;
import io.godwit.machines.kvm.KvmTracking;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * The same commands about vCPUs' dirty limits to a Godwit and to a QEMU, both with KVM's dirty rings: the answers are
 * the same.
 */
@Tag("peer")
@Timeout(120)
class DirtyLimitTest {
    @TempDir
    Path directory = Path.of("");

    @BeforeEach
    void needQemuAndKvm() {
        assumeTrue(QemuProcess.missing().isEmpty(), () -> QemuProcess.missing().orElse(""));
        assumeTrue(Kvm.support() instanceof KvmSupport.Usable, "KVM cannot be used here");
    }

    @Test
    void answersAreTheSame() throws Exception {
        GuestOptions options = GuestOptions.defaults()
                .withKind(GuestKind.KVM)
                .withMemoryBytes(64 << 20)
                .withCpus(2);
        List<String> machine =
                List.of("-machine", "q35", "-accel", "kvm,dirty-ring-size=4096", "-m", "64", "-smp", "2", "-S");
        try (QemuProcess qemu = QemuProcess.start(directory, "limit", machine);
                QmpClient theirs = QmpClient.connect(QmpAddress.parse(qemu.qmpAddress()), PATIENCE);
                MachineHost host = new MachineHost(
                        Machines.create(options, Origin.BOOT, KvmTracking.RINGS), new NoArbiter(), Origin.BOOT, false);
                QmpServer server = QmpServer.open(QmpAddress.parse("tcp:127.0.0.1:0"), host);
                QmpClient ours = QmpClient.connect(server.address(), PATIENCE)) {
            for (Question question : questions()) {
                assertThat(answer(ours, question)).as(question.toString()).isEqualTo(answer(theirs, question));
            }
        }
    }

    private record Question(String command, ObjectNode arguments) {}

    private static List<Question> questions() {
        Question query = new Question("query-vcpu-dirty-limit", Json.object());
        return List.of(
                query,
                set(Json.object()),
                set(Json.object().put("dirty-rate", "x")),
                set(Json.object().put("dirty-rate", 1).put("cpu-index", "x")),
                set(Json.object().put("dirty-rate", 1).put("cpu-index", 2)),
                set(Json.object().put("dirty-rate", 1).put("cpu-index", -1)),
                set(Json.object().put("dirty-rate", 1).put("cpu-index", Long.MAX_VALUE)),
                set(Json.object().put("dirty-rate", 1).put("nope", 1)),
                query,
                set(Json.object().put("dirty-rate", Long.MAX_VALUE)),
                query,
                set(Json.object().put("dirty-rate", 200).put("cpu-index", 1)),
                query,
                set(Json.object().put("dirty-rate", 0).put("cpu-index", 0)),
                query,
                cancel(Json.object().put("cpu-index", 2)),
                cancel(Json.object().put("cpu-index", true)),
                cancel(Json.object().put("cpu-index", 0)),
                query,
                cancel(Json.object()),
                query,
                cancel(Json.object()),
                new Question("query-vcpu-dirty-limit", Json.object().put("cpu-index", 0)));
    }

    private static Question set(ObjectNode arguments) {
        return new Question("set-vcpu-dirty-limit", arguments);
    }

    private static Question cancel(ObjectNode arguments) {
        return new Question("cancel-vcpu-dirty-limit", arguments);
    }

    /** Without the rates that were measured. */
    private static JsonNode answer(QmpClient client, Question question) {
        try {
            JsonNode answer = client.execute(question.command(), question.arguments(), PATIENCE);
            if (answer instanceof ArrayNode limits) {
                for (JsonNode limit : limits) {
                    assertThat(limit.path("current-rate").isIntegralNumber()).isTrue();
                    ((ObjectNode) limit).remove("current-rate");
                }
            }
            return answer;
        } catch (QmpException refused) {
            return Json.object().put("class", refused.errorClass()).put("desc", refused.getMessage());
        }
    }
}
