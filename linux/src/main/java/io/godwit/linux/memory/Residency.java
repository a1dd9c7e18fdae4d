// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.memory;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** How much of this process's memory is there. Specification: proc_pid_pagemap(5). */
public final class Residency {
    private static final Path PAGEMAP = Path.of("/proc/self/pagemap");
    private static final int ENTRIES_AT_ONCE = 64 << 10;

    private Residency() {}

    /** Bytes of {@code memory} that have been touched and are in memory. Costs some 2 ms for each GiB. */
    public static long bytes(NativeMemory memory) {
        long first = memory.address() / NativeMemory.PAGE_BYTES;
        long count = (memory.byteLength() + NativeMemory.PAGE_BYTES - 1) / NativeMemory.PAGE_BYTES;
        ByteBuffer entries =
                ByteBuffer.allocateDirect(ENTRIES_AT_ONCE * Long.BYTES).order(ByteOrder.nativeOrder());
        long present = 0;
        try (FileChannel pagemap = FileChannel.open(PAGEMAP, StandardOpenOption.READ)) {
            long seen = 0;
            while (seen < count) {
                entries.clear().limit((int) Math.min(ENTRIES_AT_ONCE, count - seen) * Long.BYTES);
                if (pagemap.read(entries, (first + seen) * Long.BYTES) < Long.BYTES) {
                    throw new IOException("it ends before page " + (first + seen));
                }
                entries.flip();
                seen += entries.remaining() / Long.BYTES;
                while (entries.hasRemaining()) {
                    // KERNEL: the highest bit says that the page is present.
                    present += entries.getLong() >>> 63;
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + PAGEMAP, e);
        }
        return present * NativeMemory.PAGE_BYTES;
    }
}
