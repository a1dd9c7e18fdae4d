// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.control;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.engine.settings.Capability;
import io.godwit.engine.settings.MigrationParameter;
import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

/** What a client sent comes back in words that QEMU's schema knows, and never at its full length. */
class QmpEchoTest {
    private static final int MOST_CHARACTERS = 64 << 10;

    private final FakeHost host = new FakeHost();

    @Test
    void noAnswerGrowsWithWhatAClientSent() throws IOException {
        String much = "x".repeat(900_000);
        try (QmpServer server = QmpServer.open(QmpAddress.parse("tcp:127.0.0.1:0"), host);
                RawSession session = RawSession.negotiated(server.address())) {
            for (String request : List.of(
                    "{\"execute\":\"" + much + "\"}",
                    "{\"execute\":\"query-status\",\"id\":\"" + much + "\"}",
                    "{\"execute\":\"query-status\",\"arguments\":{\"" + much + "\":1}}",
                    "{\"execute\":\"migrate\",\"arguments\":{\"uri\":\"foo:" + much + "\"}}",
                    "{\"execute\":\"migrate-continue\",\"arguments\":{\"state\":\"" + much + "\"}}",
                    "{\"execute\":\"object-del\",\"arguments\":{\"id\":\"" + much + "\"}}",
                    "{\"execute\":\"closefd\",\"arguments\":{\"fdname\":\"" + much + "\"}}",
                    "{\"" + much + "\":1}",
                    much)) {
                String answer = session.ask(request + "\n");
                assertThat(answer).startsWith("{\"error\"");
                assertThat(answer.length()).isLessThan(MOST_CHARACTERS);
            }
            assertThat(session.ask("{\"execute\":\"query-status\",\"id\":\"short\"}"))
                    .endsWith("\"id\":\"short\"}");
        }
    }

    @Test
    void aLongTextKeepsItsBeginningAndItsEnd() {
        String text = "begin" + "x".repeat(900_000) + "end";
        assertThat(Echo.shortened(text)).startsWith("beginx").endsWith("xend").contains("[895912 characters left out]");
        assertThat(Echo.shortened("short")).isEqualTo("short");
    }

    @Test
    void namesOfOurOwnBeginWithXAndAreTakenWithoutItToo() throws IOException {
        try (QmpServer server = QmpServer.open(QmpAddress.parse("tcp:127.0.0.1:0"), host);
                RawSession session = RawSession.negotiated(server.address())) {
            for (String name : List.of("postcopy-safe", "x-postcopy-safe", "autopilot", "x-autopilot")) {
                assertThat(session.ask("{\"execute\":\"migrate-set-capabilities\",\"arguments\":{\"capabilities\":"
                                + "[{\"capability\":\"" + name + "\",\"state\":true}]}}"))
                        .isEqualTo("{\"return\":{}}");
            }
            assertThat(host.capabilities).contains(Capability.POSTCOPY_SAFE, Capability.AUTOPILOT);
            for (String name : List.of("max-guest-slowdown", "x-max-guest-slowdown")) {
                assertThat(session.ask("{\"execute\":\"migrate-set-parameters\",\"arguments\":{\"" + name + "\":"
                                + name.length() + "}}"))
                        .isEqualTo("{\"return\":{}}");
                assertThat(host.parameters.get(MigrationParameter.MAX_GUEST_SLOWDOWN))
                        .isEqualTo(name.length());
            }
            JsonNode answer = Json.parse(session.ask("{\"execute\":\"query-migrate-capabilities\"}"));
            assertThat(answer.path("return").values().stream()
                            .map(capability -> capability.path("capability").asString("")))
                    .contains("x-autopilot", "x-postcopy-safe")
                    .doesNotContain("autopilot", "postcopy-safe");
        }
    }
}
