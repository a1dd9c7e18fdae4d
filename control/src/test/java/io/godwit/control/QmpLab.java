// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.control;

import java.io.IOException;
import org.junit.jupiter.api.AfterEach;
import tools.jackson.databind.JsonNode;

/** A server before a host that notes what it is asked, and says what the test wants. */
abstract class QmpLab {
    final FakeHost host = new FakeHost();
    QmpServer server = QmpServer.open(QmpAddress.parse("tcp:127.0.0.1:0"), host);

    @AfterEach
    void close() {
        server.close();
    }

    /** The answer to one request in a session of its own. */
    JsonNode ask(String text) throws IOException {
        try (RawSession session = RawSession.negotiated(server.address())) {
            return Json.parse(session.ask(text));
        }
    }
}
