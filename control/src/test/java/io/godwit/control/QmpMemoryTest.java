// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.control;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.engine.arbiter.NoArbiter;
import io.godwit.host.MachineHost;
import io.godwit.machines.Machines;
import io.godwit.machines.guest.GuestKind;
import io.godwit.machines.guest.GuestOptions;
import io.godwit.machines.guest.Origin;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import tools.jackson.databind.JsonNode;

/** Memory that is plugged in and out over QMP, as QEMU 10.0 answers. */
@Timeout(60)
class QmpMemoryTest {
    private static MachineHost host(Origin origin, long room) {
        GuestOptions options = GuestOptions.defaults()
                .withKind(GuestKind.MEMORY)
                .withMemoryBytes(4 << 20)
                .withPluggableBytes(room);
        return new MachineHost(Machines.create(options, origin), new NoArbiter(), origin, true);
    }

    private static String ask(RawSession session, String text) throws IOException {
        return session.ask(text.replace('\'', '"'));
    }

    private static String refusal(RawSession session, String text) throws IOException {
        JsonNode error = Json.parse(ask(session, text)).path("error");
        return error.path("class").asString() + ": " + error.path("desc").asString();
    }

    @Test
    void aDimmComesAndGoes() throws IOException {
        try (MachineHost host = host(Origin.BOOT, 64 << 20);
                QmpServer server = QmpServer.open(QmpAddress.parse("tcp:127.0.0.1:0"), host);
                RawSession session = RawSession.negotiated(server.address())) {
            assertThat(refusal(
                            session, "{'execute':'device_add','arguments':{'driver':'pc-dimm','id':'d','memdev':'m'}}"))
                    .isEqualTo("DeviceNotFound: Device 'm' not found");
            String add =
                    "{'execute':'object-add','arguments':{'qom-type':'memory-backend-ram','id':'m','size':33554432}}";
            assertThat(ask(session, add)).isEqualTo("{\"return\":{}}");
            assertThat(refusal(session, add))
                    .isEqualTo("GenericError: attempt to add duplicate property 'm' to object (type 'container')");
            String plug = "{'execute':'device_add','arguments':{'driver':'pc-dimm','id':'d','memdev':'m'}}";
            assertThat(ask(session, plug)).isEqualTo("{\"return\":{}}");
            assertThat(refusal(session, plug)).isEqualTo("GenericError: Duplicate device ID 'd'");
            assertThat(refusal(session, plug.replace("'d'", "'e'")))
                    .isEqualTo("GenericError: can't use already busy memdev: m");
            assertThat(refusal(session, "{'execute':'object-del','arguments':{'id':'m'}}"))
                    .isEqualTo("GenericError: object 'm' is in use, can not be deleted");
            assertThat(Json.parse(ask(session, "{'execute':'query-memory-devices'}"))
                            .path("return"))
                    .isEqualTo(Json.parse(("[{'type':'dimm','data':{'id':'d','slot':0,'node':0,'memdev':'/objects/m',"
                                    + "'size':33554432,'hotplugged':true,'hotpluggable':true,'addr':4294967296}}]")
                            .replace('\'', '"')));
            String unplug = "{'execute':'device_del','arguments':{'id':'d'}}";
            assertThat(List.of(ask(session, unplug), session.line()))
                    .anyMatch(line -> line.contains("DEVICE_DELETED") && line.contains("/machine/peripheral/d"))
                    .contains("{\"return\":{}}");
            assertThat(refusal(session, unplug)).isEqualTo("DeviceNotFound: Device 'd' not found");
            assertThat(ask(session, "{'execute':'object-del','arguments':{'id':'m'}}"))
                    .isEqualTo("{\"return\":{}}");
            assertThat(refusal(session, "{'execute':'object-del','arguments':{'id':'m'}}"))
                    .isEqualTo("GenericError: object 'm' not found");
        }
    }

    @Test
    void whatIsWrongIsSaid() throws IOException {
        try (MachineHost host = host(Origin.BOOT, 64 << 20);
                QmpServer server = QmpServer.open(QmpAddress.parse("tcp:127.0.0.1:0"), host);
                RawSession session = RawSession.negotiated(server.address())) {
            assertThat(refusal(session, "{'execute':'object-add','arguments':{'qom-type':'rng','id':'m','size':1}}"))
                    .contains("Parameter 'qom-type' does not accept value 'rng'");
            assertThat(refusal(
                            session,
                            "{'execute':'object-add','arguments':{'qom-type':'memory-backend-ram','id':'1','size':1}}"))
                    .contains("Parameter 'id' expects an identifier");
            for (String size : List.of("0", "4096", "67108865", "134217728", "9223372036854775807")) {
                String _ = ask(
                        session,
                        "{'execute':'object-add','arguments':{'qom-type':'memory-backend-ram','id':'m" + size
                                + "','size':" + size + "}}");
                assertThat(refusal(
                                session,
                                "{'execute':'device_add','arguments':{'driver':'pc-dimm','id':'d','memdev':'m" + size
                                        + "'}}"))
                        .as(size)
                        .matches("GenericError: Memory .*cannot be (added|plugged in): .*|DeviceNotFound: .*");
            }
            assertThat(refusal(
                            session,
                            "{'execute':'device_add','arguments':{'driver':'pc-dimm','id':'d','memdev':'m134217728'}}"))
                    .contains("0 of 67108864 bytes are in use");
            assertThat(refusal(
                            session, "{'execute':'device_add','arguments':{'driver':'e1000','id':'d','memdev':'m'}}"))
                    .contains("'e1000' is not a valid device model name");
            assertThat(ask(session, "{'execute':'query-memory-devices'}")).isEqualTo("{\"return\":[]}");
        }
    }

    @Test
    void aDestinationMakesWhatItsSourceAnnouncesAndGoesOnFromThere() throws Exception {
        try (MachineHost from = host(Origin.BOOT, 64 << 20);
                MachineHost to = host(Origin.ARRIVAL, 64 << 20)) {
            from.memory().objectAdd("m", 4 << 20);
            from.memory().deviceAdd("d", "m");
            from.cont();
            to.migrateIncoming("tcp:127.0.0.1:0", false);
            assertThat(catchRefusal(() -> {
                        to.memory().objectAdd("n", 4 << 20);
                        to.memory().deviceAdd("e", "n");
                    }))
                    .contains("the guest is inmigrate on this host");
            from.migration().migrate(to.migration().statistics().listenAddress().orElseThrow());
            long deadline = System.nanoTime() + Duration.ofSeconds(30).toNanos();
            while (!(from.migration().statistics().status().isEnded()
                    && to.migration().statistics().status().isEnded())) {
                assertThat(System.nanoTime()).isLessThan(deadline);
                Thread.onSpinWait();
            }
            assertThat(to.migration().statistics().error()).isEmpty();
            assertThat(where(to)).isEqualTo(where(from));
            assertThat(to.ramDigest().blockDigests()).isEqualTo(from.ramDigest().blockDigests());
            assertThat(catchRefusal(() -> from.memory().deviceDel("d")))
                    .contains("the other side of its migration has it");
            to.memory().deviceDel("d");
            to.memory().objectDel("m");
            to.memory().deviceAdd("e", "n");
        }
    }

    private static List<String> where(MachineHost host) {
        return host.memory().devices().stream()
                .map(dimm -> dimm.id() + " " + dimm.slot() + " " + dimm.block().idstr() + " " + dimm.address())
                .toList();
    }

    private static String catchRefusal(Runnable what) {
        try {
            what.run();
            return "";
        } catch (RuntimeException e) {
            return String.valueOf(e.getMessage());
        }
    }
}
