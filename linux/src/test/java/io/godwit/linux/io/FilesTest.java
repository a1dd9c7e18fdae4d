// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.linux.NativeException;
import io.godwit.linux.memory.NativeMemory;
import java.io.IOException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FilesTest {
    @TempDir
    private Path directory;

    @Test
    void newFileIsForItsOwnerOnly() throws IOException {
        Path path = directory.resolve("f");
        Files.openForWrite(path, 0).close();
        assertThat(PosixFilePermissions.toString(java.nio.file.Files.getPosixFilePermissions(path)))
                .isEqualTo("rw-------");
    }

    @Test
    void writingStartsAtTheOffsetAndDropsWhatWasBehindIt() throws IOException {
        Path path = directory.resolve("f");
        java.nio.file.Files.write(path, new byte[] {1, 2, 3, 4, 5, 6, 7, 8});
        try (NativeMemory memory = NativeMemory.allocate(8);
                Descriptor file = Files.openForWrite(path, 3)) {
            memory.putByte(0, (byte) 9);
            assertThat(file.write(memory, 0, 1)).isEqualTo(1);
        }
        assertThat(java.nio.file.Files.readAllBytes(path)).containsExactly(1, 2, 3, 9);
        Files.openForWrite(path, 0).close();
        assertThat(path).isEmptyFile();
    }

    @Test
    void readingStartsAtTheOffset() throws IOException {
        Path path = directory.resolve("f");
        java.nio.file.Files.write(path, new byte[] {1, 2, 3, 4});
        try (NativeMemory memory = NativeMemory.allocate(8);
                Descriptor file = Files.openForRead(path, 2)) {
            assertThat(file.read(memory, 0, 8)).isEqualTo(2);
            assertThat(memory.getByte(0)).isEqualTo((byte) 3);
            assertThat(file.read(memory, 0, 8)).isEqualTo(-1);
        }
    }

    @Test
    void lockFileKeepsItsContent() throws IOException {
        Path path = directory.resolve("f");
        java.nio.file.Files.write(path, new byte[] {1, 2});
        Files.openForLock(path).close();
        assertThat(path).hasBinaryContent(new byte[] {1, 2});
    }

    @Test
    void pipeHasNoOffset() {
        assertThatThrownBy(() -> Files.openForWrite(Path.of("/dev/null"), 5))
                .isInstanceOf(NativeException.class)
                .hasMessageContainingAll("/dev/null", "5");
    }

    @Test
    void pipeCarriesBytesAndEnds() {
        try (NativeMemory memory = NativeMemory.allocate(8);
                Pipes.Pair pipe = Pipes.pair()) {
            Pipes.capacityBytes(pipe.writeEnd(), 8192);
            assertThat(pipe.readEnd().read(memory, 0, 8)).isZero();
            assertThat(pipe.writeEnd().write(memory, 0, 8)).isEqualTo(8);
            assertThat(pipe.readEnd().read(memory, 0, 8)).isEqualTo(8);
            pipe.writeEnd().close();
            assertThat(pipe.readEnd().read(memory, 0, 8)).isEqualTo(-1);
        }
    }
}
