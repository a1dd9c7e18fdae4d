// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store.pages;

import io.godwit.store.DamageException;
import io.godwit.store.objects.StoreFiles;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.util.Arrays;

/**
 * The slots of an index, in a file, of which a part is in memory: a page that is new costs no system call. What was set
 * is in the file after {@link #flush}. One thread.
 */
final class IndexSlots {
    private static final int BLOCK_BITS = 9;
    private static final int BLOCK_SLOTS = 1 << BLOCK_BITS;

    /** Blocks in memory at most: 16 MiB, for a million pages. */
    private static final int KEPT = 4096;

    private static final long NOTHING = -1;

    private final FileChannel file;
    private final long offset;
    private final long count;
    private final long[][] kept;
    private final long[] keptBlocks;
    private final boolean[] changed;
    private final ByteBuffer buffer = ByteBuffer.allocateDirect(BLOCK_SLOTS * Long.BYTES);

    /** The slots that begin at a byte of the file. */
    IndexSlots(FileChannel file, long offset, long count) {
        this.file = file;
        this.offset = offset;
        this.count = count;
        int blocks = Math.clamp(count >>> BLOCK_BITS, 1, KEPT);
        kept = new long[blocks][];
        keptBlocks = new long[blocks];
        changed = new boolean[blocks];
        Arrays.fill(keptBlocks, NOTHING);
    }

    /** What is in a slot; 0 if nothing. */
    long get(long slot) {
        return block(slot >>> BLOCK_BITS)[(int) slot & (BLOCK_SLOTS - 1)];
    }

    /** Puts something into a slot. */
    void set(long slot, long value) {
        long block = slot >>> BLOCK_BITS;
        block(block)[(int) slot & (BLOCK_SLOTS - 1)] = value;
        changed[(int) (block % kept.length)] = true;
    }

    private long[] block(long block) {
        int at = (int) (block % kept.length);
        long[] found = kept[at];
        if (keptBlocks[at] == block && found != null) {
            return found;
        }
        if (found == null) {
            found = new long[BLOCK_SLOTS];
            kept[at] = found;
        }
        write(at);
        keptBlocks[at] = NOTHING;
        read(block, found);
        keptBlocks[at] = block;
        return found;
    }

    /** Writes all that was set since it was read or written. */
    void flush() {
        for (int at = 0; at < kept.length; at++) {
            write(at);
        }
    }

    private int slotsOf(long block) {
        return (int) Math.min(BLOCK_SLOTS, count - (block << BLOCK_BITS));
    }

    private long position(long block) {
        return offset + (block << BLOCK_BITS) * Long.BYTES;
    }

    private void write(int at) {
        if (!changed[at]) {
            return;
        }
        long block = keptBlocks[at];
        buffer.clear();
        buffer.asLongBuffer().put(kept[at], 0, slotsOf(block));
        buffer.limit(slotsOf(block) * Long.BYTES);
        try {
            while (buffer.hasRemaining()) {
                int _ = file.write(buffer, position(block) + buffer.position());
            }
        } catch (IOException e) {
            throw StoreFiles.failure("The store's index cannot be written", e);
        }
        changed[at] = false;
    }

    private void read(long block, long[] into) {
        buffer.clear().limit(slotsOf(block) * Long.BYTES);
        try {
            while (buffer.hasRemaining()) {
                if (file.read(buffer, position(block) + buffer.position()) < 0) {
                    throw new DamageException("index", "it ends before its " + count + " slots do");
                }
            }
        } catch (IOException e) {
            throw StoreFiles.failure("The store's index cannot be read", e);
        }
        buffer.flip().asLongBuffer().get(into, 0, slotsOf(block));
    }
}
