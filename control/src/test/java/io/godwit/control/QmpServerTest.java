// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.control;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.engine.settings.Capability;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

class QmpServerTest extends QmpLab {
    @BeforeEach
    void switchEventsOn() {
        host.setCapabilities(Set.of(Capability.EVENTS), Set.of());
    }

    @Test
    void greetsWithAVersionAndWantsNegotiationFirst() throws IOException {
        try (RawSession session = new RawSession(server.address())) {
            JsonNode greeting = Json.parse(session.line());
            assertThat(greeting.path("QMP")
                            .path("version")
                            .path("qemu")
                            .path("major")
                            .isIntegralNumber())
                    .isTrue();
            assertThat(greeting.path("QMP").path("capabilities").isArray()).isTrue();
            assertThat(session.ask("{\"execute\":\"query-status\"}"))
                    .contains("CommandNotFound")
                    .contains("Expecting capabilities negotiation with 'qmp_capabilities'");
            assertThat(session.ask("{\"execute\":\"qmp_capabilities\",\"arguments\":{\"enable\":[\"oob\"]}}"))
                    .contains("does not accept value 'oob'");
            assertThat(session.ask("{\"execute\":\"qmp_capabilities\",\"id\":7}"))
                    .isEqualTo("{\"return\":{},\"id\":7}");
            assertThat(session.ask("{\"execute\":\"qmp_capabilities\"}")).contains("already complete");
        }
    }

    @Test
    void aGuestThatStandsStillWithoutACommandHasAReason() throws IOException {
        try (RawSession session = RawSession.negotiated(server.address())) {
            assertThat(session.ask("{\"execute\":\"query-status\"}")).doesNotContain("x-reason");
            host.whyStill = Optional.of("The right to run is lost.");
            assertThat(session.ask("{\"execute\":\"query-status\"}"))
                    .contains("\"x-reason\":\"The right to run is lost.\"");
        }
    }

    @Test
    void idsComeBackAsTheyWere() throws IOException {
        try (RawSession session = RawSession.negotiated(server.address())) {
            String id = "{\"a\":[1,2.5,null,true,\"x\",18446744073709551615]}";
            assertThat(session.ask("{\"execute\":\"query-status\",\"id\":" + id + "}"))
                    .endsWith("\"id\":" + id + "}");
            assertThat(session.ask("{\"execute\":\"nope\",\"id\":" + id + "}"))
                    .contains("The command nope has not been found")
                    .endsWith("\"id\":" + id + "}");
        }
    }

    @Test
    void channelsAreAnotherWayToNameTheUri() throws IOException {
        try (RawSession session = RawSession.negotiated(server.address())) {
            session.ask("{\"execute\":\"migrate\",\"arguments\":{\"channels\":[{\"channel-type\":\"main\",\"addr\":"
                    + "{\"transport\":\"socket\",\"type\":\"inet\",\"host\":\"::1\",\"port\":\"4444\"}}]}}");
            session.ask("{\"execute\":\"migrate\",\"arguments\":{\"channels\":[{\"channel-type\":\"main\",\"addr\":"
                    + "{\"transport\":\"exec\",\"args\":[\"/bin/sh\",\"-c\",\"cat >x\"]}}]}}");
            assertThat(host.calls).containsExactly("migrate tcp:[::1]:4444", "migrate exec:cat >x");
        }
    }

    @Test
    void eventsReachEverySessionInTheirOrder() throws IOException {
        try (RawSession one = RawSession.negotiated(server.address());
                RawSession two = RawSession.negotiated(server.address())) {
            host.migrationListeners.forEach(l -> l.statusChanged(MigrationStatus.SETUP));
            host.migrationListeners.forEach(l -> l.passStarted(1));
            host.stop();
            host.migrationListeners.forEach(l -> l.statusChanged(MigrationStatus.COMPLETED));
            for (RawSession session : List.of(one, two)) {
                List<String> names = new ArrayList<>();
                for (int i = 0; i < 4; i++) {
                    JsonNode event = Json.parse(session.line());
                    assertThat(event.path("timestamp").path("seconds").isIntegralNumber())
                            .isTrue();
                    assertThat(event.path("timestamp").path("microseconds").isIntegralNumber())
                            .isTrue();
                    names.add(event.path("event").asString() + event.path("data"));
                }
                assertThat(names)
                        .containsExactly(
                                "MIGRATION{\"status\":\"setup\"}",
                                "MIGRATION_PASS{\"pass\":1}",
                                "STOP",
                                "MIGRATION{\"status\":\"completed\"}");
            }
        }
    }

    @Test
    void migrationEventsNeedTheirCapabilityAndSessionsNeedNegotiation() throws IOException {
        host.setCapabilities(Set.of(), Set.of(Capability.EVENTS));
        try (RawSession early = new RawSession(server.address());
                RawSession session = RawSession.negotiated(server.address())) {
            early.line();
            host.migrationListeners.forEach(l -> l.statusChanged(MigrationStatus.SETUP));
            host.stop();
            assertThat(session.line()).contains("\"STOP\"");
            assertThat(early.ask("{\"execute\":\"qmp_capabilities\"}")).isEqualTo("{\"return\":{}}");
        }
    }

    @Test
    void aSessionThatDoesNotReadHoldsUpNobody() throws IOException {
        try (RawSession deaf = RawSession.negotiated(server.address());
                RawSession session = RawSession.negotiated(server.address())) {
            int count = 400_000;
            for (int i = 0; i < count && server.sessionCount() == 2; i++) {
                int pass = i;
                host.migrationListeners.forEach(l -> l.passStarted(pass));
                if (i % 500 == 0) {
                    session.send("{\"execute\":\"query-status\",\"id\":\"mark\"}");
                    while (!session.line().contains("mark")) {
                        // Events in between are read and forgotten.
                    }
                }
            }
            assertThat(server.sessionCount()).isEqualTo(1);
            assertThat(deaf).isNotNull();
            assertThat(session.ask("{\"execute\":\"query-status\",\"id\":\"last\"}"))
                    .isNotEqualTo("end");
        }
    }

    @Test
    void theHostHearsHowLongEachCommandTookWhateverCameOfIt() throws Exception {
        try (RawSession session = RawSession.negotiated(server.address())) {
            session.ask("{\"execute\":\"query-status\"}");
            session.ask("{\"execute\":\"no-such-command\"}");
            session.ask("{\"execute\":\"migrate\"}");
            assertThat(host.answered.take()).isEqualTo("qmp_capabilities");
            assertThat(host.answered.take()).isEqualTo("query-status");
            assertThat(host.answered.take()).isEqualTo("other");
            assertThat(host.answered.take()).isEqualTo("migrate");
        }
    }

    @Test
    void everyParameterHasItsDefaultAndCanBeSet() throws IOException {
        try (RawSession session = RawSession.negotiated(server.address())) {
            assertThat(session.ask("{\"execute\":\"query-migrate-parameters\"}"))
                    .contains("\"cpu-throttle-initial\":20")
                    .contains("\"cpu-throttle-tailslow\":false")
                    .contains("\"x-background-sync-interval\":5000");
            assertThat(session.ask("{\"execute\":\"migrate-set-parameters\",\"arguments\":"
                            + "{\"max-cpu-throttle\":60,\"cpu-throttle-initial\":55,\"cpu-throttle-tailslow\":true}}"))
                    .isEqualTo("{\"return\":{}}");
            assertThat(session.ask("{\"execute\":\"migrate-set-parameters\",\"arguments\":{\"max-cpu-throttle\":50}}"))
                    .contains("GenericError")
                    .contains("must be from cpu-throttle-initial, 55, to 99");
            assertThat(session.ask(
                            "{\"execute\":\"migrate-set-parameters\",\"arguments\":{\"cpu-throttle-increment\":100}}"))
                    .contains("cpu-throttle-increment = 100: must be from 1 to 99");
            assertThat(session.ask("{\"execute\":\"query-migrate-parameters\"}"))
                    .contains("\"max-cpu-throttle\":60")
                    .contains("\"cpu-throttle-tailslow\":true");
        }
    }

    @Test
    void quitIsAnnouncedAnsweredAndCarriedOut() throws Exception {
        try (RawSession session = RawSession.negotiated(server.address())) {
            session.send("{\"execute\":\"quit\"}");
            assertThat(session.line()).contains("\"SHUTDOWN\"").contains("\"reason\":\"host-qmp-quit\"");
            assertThat(session.line()).isEqualTo("{\"return\":{}}");
            assertThat(host.quit.await(10, TimeUnit.SECONDS)).isTrue();
            server.close();
            assertThat(session.line()).isEqualTo("end");
        }
    }

    @Test
    void aClientThatClosesItsSideStillGetsItsAnswers() throws IOException {
        try (RawSession session = RawSession.negotiated(server.address())) {
            session.send("{\"execute\":\"query-status\"}{\"execute\":\"query-version\"}");
            session.endOutput();
            assertThat(session.line()).contains("running");
            assertThat(session.line()).contains("Godwit");
            assertThat(session.line()).isEqualTo("end");
        }
    }

    @Test
    void sessionsAreBounded() throws IOException {
        List<RawSession> open = new ArrayList<>();
        try {
            for (int i = 0; i < QmpServer.MAX_SESSIONS; i++) {
                open.add(RawSession.negotiated(server.address()));
            }
            try (RawSession tooMany = new RawSession(server.address())) {
                assertThat(tooMany.line()).contains("sessions are open already");
                assertThat(tooMany.line()).isEqualTo("end");
            }
        } finally {
            for (RawSession session : open) {
                session.close();
            }
        }
    }

    @Test
    void garbageEndsNeitherTheHostNorAnotherSession() throws IOException {
        long seed = System.nanoTime();
        Random random = new Random(seed);
        String sane = "{\"execute\":\"query-migrate\",\"arguments\":{},\"id\":[1,{\"x\":\"y\"}]}";
        try (RawSession witness = RawSession.negotiated(server.address())) {
            for (int round = 0; round < 200; round++) {
                try (RawSession session = RawSession.negotiated(server.address())) {
                    byte[] noise = sane.repeat(3).getBytes(java.nio.charset.StandardCharsets.US_ASCII);
                    for (int i = 1 + random.nextInt(12); i > 0; i--) {
                        noise[random.nextInt(noise.length)] = (byte) random.nextInt(256);
                    }
                    session.send(noise);
                    session.send(new byte[] {(byte) 0xFF});
                    String last = session.ask("\n{\"execute\":\"query-status\",\"id\":\"sane\"}\n");
                    while (!last.endsWith("\"id\":\"sane\"}")) {
                        assertThat(last).as("seed %d, round %d", seed, round).isNotEqualTo("end");
                        last = session.line();
                    }
                }
            }
            assertThat(witness.ask("{\"execute\":\"query-status\"}")).contains("running");
            assertThat(host.calls).isEmpty();
        }
    }
}
