// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.peer;

import io.godwit.engine.memory.RamBlock;
import io.godwit.linux.memory.NativeMemory;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Compares memory with what QEMU's {@code pmemsave} wrote of it. */
final class SavedMemory {
    private SavedMemory() {}

    /** Numbers of the pages that are not the same, byte by byte; the file must have the memory's length. */
    static List<Long> differingPages(Path saved, NativeMemory memory) throws IOException {
        List<Long> differing = new ArrayList<>();
        try (FileChannel file = FileChannel.open(saved)) {
            if (file.size() != memory.byteLength()) {
                throw new IOException(saved + " has " + file.size() + " bytes, and the memory " + memory.byteLength());
            }
            ByteBuffer theirs = ByteBuffer.allocate(RamBlock.PAGE_BYTES);
            for (long offset = 0; offset < memory.byteLength(); offset += RamBlock.PAGE_BYTES) {
                theirs.clear();
                while (theirs.hasRemaining() && file.read(theirs) >= 0) {
                    // A read may give less than a page.
                }
                if (!memory.buffer(offset, RamBlock.PAGE_BYTES).equals(theirs.flip())) {
                    differing.add(offset / RamBlock.PAGE_BYTES);
                }
            }
        }
        return differing;
    }
}
