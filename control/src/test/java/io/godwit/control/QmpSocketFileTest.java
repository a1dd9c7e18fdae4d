// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.control;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class QmpSocketFileTest {
    private static final Duration PATIENCE = Duration.ofSeconds(10);

    @TempDir
    private Path directory = Path.of("");

    private final FakeHost host = new FakeHost();
    private Path path = directory;
    private QmpAddress address = new QmpAddress.Unix(path);

    @BeforeEach
    void name() {
        path = directory.resolve("qmp.sock");
        address = QmpAddress.parse("unix:" + path);
    }

    @Test
    void aServerAnswersAtItsFileAndTakesItAwayAtTheEnd() {
        try (QmpServer first = QmpServer.open(address, host)) {
            assertThat(first.address()).isEqualTo(address);
            assertAnswers();
        }
        assertThat(path).doesNotExist();
    }

    @Test
    void aFileAtWhichAnotherProcessListensIsLeftToIt() {
        try (QmpServer _ = QmpServer.open(address, host)) {
            assertThatThrownBy(() -> QmpServer.open(address, host))
                    .isInstanceOf(QmpConnectionException.class)
                    .hasMessageContaining("another process listens there");
            assertAnswers();
        }
    }

    @Test
    void aFileThatADeadProcessLeftIsReplaced() throws IOException {
        try (ServerSocketChannel dead = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            dead.bind(UnixDomainSocketAddress.of(path));
        }
        assertThat(path).exists();
        try (QmpServer _ = QmpServer.open(address, host)) {
            assertAnswers();
        }
    }

    @Test
    void whatIsNoSocketIsNeverTakenAway() throws Exception {
        assertThat(new ProcessBuilder("mkfifo", path.toString()).start().waitFor())
                .isZero();
        assertRefusedAndLeft();
        Files.delete(path);
        Files.writeString(path, "a letter");
        assertRefusedAndLeft();
        assertThat(path).hasContent("a letter");
        Files.delete(path);
        Files.createSymbolicLink(path, directory.resolve("nowhere"));
        assertRefusedAndLeft();
    }

    private void assertRefusedAndLeft() {
        assertThatThrownBy(() -> QmpServer.open(address, host))
                .isInstanceOf(QmpConnectionException.class)
                .hasMessageContaining(path.toString())
                .hasMessageContaining("no socket");
        assertThat(Files.exists(path, LinkOption.NOFOLLOW_LINKS)).isTrue();
    }

    private void assertAnswers() {
        try (QmpClient client = QmpClient.connect(address, PATIENCE)) {
            assertThat(client.isGodwit()).isTrue();
            assertThat(client.execute("query-status", PATIENCE).path("status").asString())
                    .isEqualTo("running");
        }
    }
}
