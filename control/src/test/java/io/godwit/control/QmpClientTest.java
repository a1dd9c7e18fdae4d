// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.control;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.Test;

class QmpClientTest {
    private static final Duration PATIENCE = Duration.ofSeconds(10);
    private static final Duration SHORT = Duration.ofMillis(100);

    @Test
    @SuppressWarnings("try") // the server is closed before its time on purpose
    void answersErrorsAndEventsFindTheirWay() throws Exception {
        FakeHost host = new FakeHost();
        try (QmpServer server = QmpServer.open(QmpAddress.parse("tcp:127.0.0.1:0"), host);
                QmpClient client = QmpClient.connect(server.address(), PATIENCE)) {
            client.execute("stop", PATIENCE);
            assertThat(client.nextEvent(PATIENCE))
                    .get()
                    .extracting(QmpEvent::name)
                    .isEqualTo("STOP");
            assertThatThrownBy(() -> client.execute("nope", PATIENCE))
                    .isInstanceOf(QmpException.class)
                    .hasMessage("The command nope has not been found");
            server.close();
            assertThatThrownBy(() -> client.execute("query-status", PATIENCE))
                    .isInstanceOf(QmpConnectionException.class)
                    .hasMessageContaining(server.address().toString());
        }
    }

    @Test
    void nobodyThereIsSaidWithTheAddress() {
        assertThatThrownBy(() -> QmpClient.connect(QmpAddress.parse("unix:/nowhere/qmp.sock"), PATIENCE))
                .isInstanceOf(QmpConnectionException.class)
                .hasMessageContaining("unix:/nowhere/qmp.sock")
                .hasMessageContaining("cannot connect");
    }

    @Test
    void aServerThatSaysNothingIsNotWaitedForForever() throws IOException {
        try (ServerSocket mute = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            assertThatThrownBy(() -> QmpClient.connect(address(mute), SHORT))
                    .isInstanceOf(QmpConnectionException.class)
                    .hasMessageContaining("a greeting did not come within 100 ms");
        }
    }

    @Test
    void aServerThatSpeaksSomethingElseIsNamed() throws Exception {
        try (ServerSocket other = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            Thread speaker = Thread.ofVirtual().start(() -> {
                try (Socket socket = other.accept()) {
                    socket.getOutputStream().write("SSH-2.0-OpenSSH_9\r\n".getBytes(StandardCharsets.US_ASCII));
                    int first = socket.getInputStream().read();
                    assertThat(first).isNegative();
                } catch (IOException e) {
                    // The client may have closed hard.
                }
            });
            assertThatThrownBy(() -> QmpClient.connect(address(other), PATIENCE))
                    .isInstanceOf(QmpConnectionException.class)
                    .hasMessageContaining("does not speak QMP");
            speaker.join();
        }
    }

    @Test
    void whatAServerTakesOutOfBandIsAskedSo() throws Exception {
        try (ServerSocket server = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            List<String> heard = new CopyOnWriteArrayList<>();
            Thread speaker = Thread.ofVirtual().start(() -> {
                try (Socket socket = server.accept();
                        BufferedReader in = new BufferedReader(
                                new InputStreamReader(socket.getInputStream(), StandardCharsets.UTF_8))) {
                    say(socket, "{\"QMP\":{\"version\":{},\"capabilities\":[\"oob\"]}}");
                    for (int id = 1; id <= 3; id++) {
                        heard.add(in.readLine());
                        say(socket, "{\"return\":{},\"id\":" + id + "}");
                    }
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            });
            try (QmpClient client = QmpClient.connect(address(server), PATIENCE)) {
                assertThat(client.takesOutOfBand()).isTrue();
                client.executeOutOfBand("migrate-pause", Json.object(), PATIENCE);
                client.execute("query-status", PATIENCE);
            }
            speaker.join();
            assertThat(heard)
                    .containsExactly(
                            "{\"execute\":\"qmp_capabilities\",\"arguments\":{\"enable\":[\"oob\"]},\"id\":1}",
                            "{\"exec-oob\":\"migrate-pause\",\"id\":2}",
                            "{\"execute\":\"query-status\",\"id\":3}");
        }
    }

    private static void say(Socket socket, String line) throws IOException {
        socket.getOutputStream().write((line + "\n").getBytes(StandardCharsets.UTF_8));
    }

    private static QmpAddress address(ServerSocket socket) {
        return new QmpAddress.Tcp("127.0.0.1", socket.getLocalPort());
    }
}
