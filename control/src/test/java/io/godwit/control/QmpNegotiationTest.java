// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.control;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.engine.guest.RunControl;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The answer to {@code qmp_capabilities} is the first thing after the greeting. */
@Timeout(120)
class QmpNegotiationTest {
    private static final int CONNECTIONS = 2000;

    @Test
    void noEventComesBeforeTheAnswerWhateverHappensMeanwhile() throws Exception {
        FakeHost host = new FakeHost();
        AtomicBoolean done = new AtomicBoolean();
        try (QmpServer server = QmpServer.open(QmpAddress.parse("tcp:127.0.0.1:0"), host)) {
            Thread noise = Thread.ofPlatform().start(() -> {
                while (!done.get()) {
                    host.runListeners.forEach(RunControl.Listener::stopped);
                    LockSupport.parkNanos(10_000);
                }
            });
            try {
                for (int i = 0; i < CONNECTIONS; i++) {
                    try (RawSession session = new RawSession(server.address())) {
                        assertThat(session.line()).startsWith("{\"QMP\"");
                        assertThat(session.ask("{\"execute\":\"qmp_capabilities\"}"))
                                .as("connection %d", i)
                                .isEqualTo("{\"return\":{}}");
                    }
                }
            } finally {
                done.set(true);
                noise.join();
            }
        }
    }
}
