// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing.wire;

import io.godwit.engine.memory.PageBatch;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.transport.Channel;
import io.godwit.linux.io.IoVector;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.stream.PageRecordWriter;
import java.nio.ByteBuffer;

/**
 * Page records that leave together: heads come from a small buffer, contents straight from guest memory, and as few
 * system calls as the kernel allows write both. One channel, one thread at a time; nothing is allocated for a page.
 */
public final class RecordBatch implements AutoCloseable {
    /**
     * Pages for each system call: with a head before each page, two entries a page, this is the kernel's limit of 1024
     * entries.
     */
    public static final int MAX_PAGES = 448;

    /** Room for what stands before, between and after the pages: section heads and ends, a command. */
    private static final int FRAMING_BYTES = 256;

    private PageRecordWriter records;
    private final NativeMemory heads;
    private final ByteBuffer headBuffer;
    private final IoVector vector;
    private int headStart;

    /**
     * A batch with room.
     *
     * @param maxPages 1 to {@link #MAX_PAGES}, all of one block
     */
    public RecordBatch(PageRecordWriter records, int maxPages) {
        this.records = records;
        int headBytes = 16 * maxPages + PageRecordWriter.MAX_HEADER_BYTES + FRAMING_BYTES;
        this.heads = NativeMemory.allocate(headBytes);
        this.headBuffer = heads.buffer(0, headBytes);
        this.vector = new IoVector(2 * maxPages + 2);
    }

    /** Pages are numbered by another list of blocks from now on. */
    void number(PageRecordWriter next) {
        records = next;
    }

    /** Forgets what was written. */
    public void clear() {
        headBuffer.clear();
        vector.clear();
        headStart = 0;
    }

    /** Where framing may be put: what is put here stands between the pages added before and after. */
    public ByteBuffer framing() {
        return headBuffer;
    }

    /**
     * Adds the i-th page of a batch; false if it is zero. A small method, because the compiler takes one that is called
     * for each page long before it takes a loop that is entered for each batch.
     */
    public boolean addPage(int blockIndex, PageBatch batch, int i) {
        NativeMemory content = batch.content(i);
        long at = batch.contentOffset(i);
        long offset = batch.page(i) * RamBlock.PAGE_BYTES;
        if (content.isZero(at, RamBlock.PAGE_BYTES)) {
            int _ = records.zeroPage(headBuffer, blockIndex, offset);
            return false;
        }
        int _ = records.pageHeader(headBuffer, blockIndex, offset);
        int headEnd = headBuffer.position();
        vector.add(heads, headStart, headEnd - headStart);
        headStart = headEnd;
        vector.add(content, at, RamBlock.PAGE_BYTES);
        return true;
    }

    /** Writes all that was added since {@link #clear}; returns the number of bytes. */
    public long writeTo(Channel channel) {
        vector.add(heads, headStart, headBuffer.position() - headStart);
        headStart = headBuffer.position();
        long bytes = vector.remainingBytes();
        channel.write(vector);
        return bytes;
    }

    @Override
    public void close() {
        vector.close();
        heads.close();
    }
}
