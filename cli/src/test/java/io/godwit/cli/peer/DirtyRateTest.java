// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.peer;

import static io.godwit.cli.peer.QemuProcess.PATIENCE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
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
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * The same questions about the dirty rate to a Godwit and to a QEMU: answers have the same members of the same types.
 */
@Tag("peer")
@Timeout(120)
class DirtyRateTest {
    @TempDir
    Path directory = Path.of("");

    @BeforeEach
    void needQemu() {
        assumeTrue(QemuProcess.missing().isEmpty(), () -> QemuProcess.missing().orElse(""));
    }

    @ParameterizedTest
    @CsvSource({"page-sampling,memory,tcg", "dirty-bitmap,memory,tcg", "dirty-ring,kvm,'kvm,dirty-ring-size=4096'"})
    void answersHaveTheSameMembers(String mode, String guest, String accelerator) throws Exception {
        boolean rings = guest.equals("kvm");
        assumeTrue(!rings || Kvm.support() instanceof KvmSupport.Usable, "KVM cannot be used here");
        GuestOptions options = GuestOptions.defaults()
                .withKind(rings ? GuestKind.KVM : GuestKind.MEMORY)
                .withMemoryBytes(64 << 20);
        ObjectNode request = Json.object()
                .put("calc-time", 200)
                .put("calc-time-unit", "millisecond")
                .put("mode", mode);
        List<String> machine = List.of("-machine", "q35", "-accel", accelerator, "-m", "64");
        try (QemuProcess qemu = QemuProcess.start(directory, "rate", machine);
                QmpClient theirs = QmpClient.connect(QmpAddress.parse(qemu.qmpAddress()), PATIENCE);
                MachineHost host = new MachineHost(
                        Machines.create(options, Origin.BOOT, rings ? KvmTracking.RINGS : KvmTracking.LOG),
                        new NoArbiter(),
                        Origin.BOOT,
                        false);
                QmpServer server = QmpServer.open(QmpAddress.parse("tcp:127.0.0.1:0"), host);
                QmpClient ours = QmpClient.connect(server.address(), PATIENCE)) {
            host.cont();
            assertSame(ours.execute("query-dirty-rate", PATIENCE), theirs.execute("query-dirty-rate", PATIENCE));
            assertSame(measured(ours, request), measured(theirs, request));
            assertRefusedAlike(ours, theirs, request);
        }
    }

    private static void assertRefusedAlike(QmpClient ours, QmpClient theirs, ObjectNode request) {
        List<ObjectNode> wrong = List.of(
                Json.object(),
                request.deepCopy().put("calc-time", 49),
                request.deepCopy().put("calc-time", 60_001),
                request.deepCopy().put("calc-time", "1"),
                request.deepCopy().put("sample-pages", 127),
                request.deepCopy().put("sample-pages", 16_385),
                request.deepCopy().put("mode", "guess"),
                request.deepCopy().put("calc-time-unit", "hour"),
                request.deepCopy().put("nope", 1));
        for (ObjectNode arguments : wrong) {
            assertThat(refusal(ours, arguments)).as(arguments.toString()).isEqualTo(refusal(theirs, arguments));
        }
    }

    private static String refusal(QmpClient client, ObjectNode arguments) {
        QmpException refused =
                catchThrowableOfType(QmpException.class, () -> client.execute("calc-dirty-rate", arguments, PATIENCE));
        return refused == null ? "taken" : refused.errorClass();
    }

    private static JsonNode measured(QmpClient client, ObjectNode request) {
        JsonNode _ = client.execute("calc-dirty-rate", request, PATIENCE);
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (true) {
            JsonNode answer =
                    client.execute("query-dirty-rate", Json.object().put("calc-time-unit", "millisecond"), PATIENCE);
            // QEMU says "unstarted" until its thread has begun.
            if (answer.path("status").asString("").equals("measured")) {
                return answer;
            }
            assertThat(System.nanoTime()).as(answer.toString()).isLessThan(deadline);
            Thread.onSpinWait();
        }
    }

    private static void assertSame(JsonNode ours, JsonNode theirs) {
        assertThat(members(ours)).isEqualTo(members(theirs));
        for (String name : members(theirs)) {
            assertThat(ours.path(name).getNodeType())
                    .as(name)
                    .isEqualTo(theirs.path(name).getNodeType());
        }
        for (String name : List.of("status", "mode", "calc-time-unit", "sample-pages")) {
            assertThat(ours.path(name)).as(name).isEqualTo(theirs.path(name));
        }
        if (ours.has("vcpu-dirty-rate")) {
            assertThat(members(ours.path("vcpu-dirty-rate").path(0)))
                    .isEqualTo(members(theirs.path("vcpu-dirty-rate").path(0)));
        }
    }

    /** Without what Godwit adds. */
    private static Set<String> members(JsonNode answer) {
        Set<String> names = new TreeSet<>(answer.propertyNames());
        names.removeIf(name -> name.startsWith("x-"));
        return names;
    }

    @Test
    void adviceForAMachineThatCannotBeMigratedIsThatItCannot() throws Exception {
        List<String> machine = List.of("-machine", "q35", "-m", "64", "-device", "amd-iommu");
        try (QemuProcess qemu = QemuProcess.start(directory, "blocked", machine)) {
            GodwitProcess advise =
                    GodwitProcess.run(directory, PATIENCE, "advise", "--qmp", qemu.qmpAddress(), "--bandwidth", "100M");
            assertThat(advise.status()).isEqualTo(1);
            assertThat(advise.err()).contains("cannot be migrated: non-migratable device: amd-iommu.");
        }
    }
}
