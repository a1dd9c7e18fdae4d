// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.linux.NativeException;
import java.net.UnixDomainSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class UnixSocketFileTest {
    @TempDir
    private Path directory;

    private Path path = Path.of("");

    @BeforeEach
    void choosePath() {
        path = directory.resolve("s");
    }

    private Descriptor listen() {
        return Sockets.listen(UnixDomainSocketAddress.of(path), 1);
    }

    @Test
    void aSocketThatNobodyListensAtIsRemoved() {
        listen().close();
        assertThat(path).exists();
        UnixSocketFile.removeDead(path);
        assertThat(path).doesNotExist();
        UnixSocketFile.removeDead(path);
    }

    @Test
    void aSocketWithAListenerStaysEvenIfItsQueueIsFull() {
        try (Descriptor _ = listen()) {
            // The queue takes one more than it was asked for, so the fourth look finds it full.
            for (int i = 0; i < 4; i++) {
                assertThatThrownBy(() -> UnixSocketFile.removeDead(path))
                        .isInstanceOf(NativeException.class)
                        .hasMessageContaining("another process listens there");
            }
            assertThat(path).exists();
        }
    }

    @Test
    void anOrdinaryFileStays() throws Exception {
        Files.writeString(path, "mine");
        assertThatThrownBy(() -> UnixSocketFile.removeDead(path))
                .isInstanceOf(NativeException.class)
                .hasMessageContaining("is no socket");
        assertThat(path).hasContent("mine");
    }

    @Test
    void onlyTheSocketThatWasBoundIsRemovedAtTheEnd() {
        listen().close();
        UnixSocketFile first = UnixSocketFile.boundAt(path);
        UnixSocketFile.removeDead(path);
        try (Descriptor _ = Sockets.listen(UnixDomainSocketAddress.of(directory.resolve("other")), 1);
                Descriptor _ = listen()) {
            UnixSocketFile second = UnixSocketFile.boundAt(path);
            first.remove();
            assertThat(path).exists();
            second.remove();
            assertThat(path).doesNotExist();
            second.remove();
        }
    }

    @Test
    void thePathMayBeAsLongAsTheKernelsAndNoLonger() {
        int room = UnixSocketFile.MAX_PATH_BYTES - directory.toString().length() - 1;
        path = directory.resolve("x".repeat(room));
        listen().close();
        path = directory.resolve("x".repeat(room + 1));
        assertThatThrownBy(this::listen).isInstanceOf(IllegalArgumentException.class);
    }
}
