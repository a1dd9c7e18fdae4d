// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store.snapshots;

import io.godwit.store.objects.StoreFiles;
import io.godwit.store.pages.PlaceNumber;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.BitSet;

/**
 * The page table of a snapshot that is being written, in a file: 8 bytes a page, of which a part is in memory. In the
 * file a page that never came is 0, so that what was never written needs no room. One thread.
 */
final class PageTableDraft implements AutoCloseable {
    /** Groups in memory: 4 MiB, for 2 GiB of RAM. */
    private static final int KEPT = 1024;

    private static final int NOTHING = -1;

    private final Path path;
    private final FileChannel file;
    private final long[][] kept = new long[KEPT][];
    private final int[] keptGroups = new int[KEPT];
    private final BitSet begun = new BitSet();
    private final ByteBuffer buffer = ByteBuffer.allocateDirect(TableGroup.MAX_BYTES);

    PageTableDraft(Path path) {
        this.path = path;
        Arrays.fill(keptGroups, NOTHING);
        try {
            file = StoreFiles.openNew(path);
        } catch (IOException e) {
            throw StoreFiles.failure(path + " cannot be made", e);
        }
    }

    /** Sets the value of a page. */
    void set(int group, int page, long value) {
        group(group)[page] = value;
    }

    /** Whether no page of a group has come, so that {@link #group} need not be asked. */
    boolean isUntouched(int group) {
        return !begun.get(group);
    }

    /** The values of a group's pages; the caller may change them until the next call. */
    long[] group(int group) {
        int slot = group % KEPT;
        long[] found = kept[slot];
        if (keptGroups[slot] == group && found != null) {
            return found;
        }
        if (found == null) {
            found = new long[TableGroup.PAGES];
            kept[slot] = found;
        } else {
            write(keptGroups[slot], found);
        }
        if (begun.get(group)) {
            read(group, found);
        } else {
            Arrays.fill(found, PlaceNumber.ABSENT);
            begun.set(group);
        }
        keptGroups[slot] = group;
        return found;
    }

    private void write(int group, long[] values) {
        buffer.clear();
        for (long value : values) {
            buffer.putLong(value ^ PlaceNumber.ABSENT);
        }
        buffer.flip();
        try {
            while (buffer.hasRemaining()) {
                int _ = file.write(buffer, (long) group * TableGroup.MAX_BYTES + buffer.position());
            }
        } catch (IOException e) {
            throw StoreFiles.failure(path + " cannot be written", e);
        }
    }

    private void read(int group, long[] values) {
        buffer.clear();
        try {
            while (buffer.hasRemaining()
                    && file.read(buffer, (long) group * TableGroup.MAX_BYTES + buffer.position()) > 0) {
                // A read may give less than was asked for; behind the file's end there is nothing.
            }
        } catch (IOException e) {
            throw StoreFiles.failure(path + " cannot be read", e);
        }
        int there = buffer.position() / Long.BYTES;
        for (int i = 0; i < values.length; i++) {
            values[i] = i < there ? buffer.getLong(i * Long.BYTES) ^ PlaceNumber.ABSENT : PlaceNumber.ABSENT;
        }
    }

    @Override
    public void close() {
        try {
            file.close();
            boolean _ = Files.deleteIfExists(path);
        } catch (IOException _) {
            // The next writer empties the directory it is in.
        }
    }
}
