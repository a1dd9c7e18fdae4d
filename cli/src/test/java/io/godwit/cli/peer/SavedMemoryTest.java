// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.peer;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.engine.memory.RamBlock;
import io.godwit.linux.memory.NativeMemory;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SavedMemoryTest {
    @TempDir
    Path directory = Path.of("");

    @Test
    void oneBitThatDiffersShowsItsPage() throws Exception {
        try (NativeMemory memory = NativeMemory.allocate(8L * RamBlock.PAGE_BYTES)) {
            memory.fillRandom(0, memory.byteLength(), 1);
            byte[] content = new byte[(int) memory.byteLength()];
            memory.buffer(0, content.length).get(content);
            Path saved = Files.write(directory.resolve("saved"), content);
            assertThat(SavedMemory.differingPages(saved, memory)).isEmpty();
            memory.putByte(6L * RamBlock.PAGE_BYTES - 1, (byte) (content[6 * RamBlock.PAGE_BYTES - 1] ^ 1));
            assertThat(SavedMemory.differingPages(saved, memory)).containsExactly(5L);
        }
    }
}
