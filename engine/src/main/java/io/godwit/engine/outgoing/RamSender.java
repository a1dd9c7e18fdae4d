// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing;

import io.godwit.engine.MonotonicClock;
import io.godwit.engine.memory.PageBatch;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.transport.Channel;
import io.godwit.linux.io.IoVector;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.stream.PageRecordWriter;
import io.godwit.stream.SectionHeader;
import io.godwit.stream.SectionKind;
import io.godwit.stream.StreamWriter;
import java.nio.ByteBuffer;

/**
 * Sends batches of pages: tests each for zero, writes the records' heads into a small buffer and hands heads and guest pages to the
 * kernel in one call, straight from guest memory. WIRE: records of the RAM section inside PART or END sections.
 */
final class RamSender implements AutoCloseable {
    /** Pages for each system call: with a head before each page, two entries a page, this is the kernel's limit of 1024 entries. */
    static final int BATCH_PAGES = 448;

    private static final int IOV_MAX = 1024;
    private static final int HEAD_BYTES = 16 * BATCH_PAGES + 2 * (8 + 256) + 64;

    /** LIMIT: how long a PART may go on; QEMU's destination looks up from its work between sections. */
    private static final long PART_NANOS = 50_000_000;

    private final Channel channel;
    private final PageRecordWriter records;
    private final OutgoingProgress progress;
    private final MonotonicClock clock;
    private final NativeMemory heads = NativeMemory.allocate(HEAD_BYTES);
    private final ByteBuffer headBuffer = heads.buffer(0, HEAD_BYTES);
    private final IoVector vector = new IoVector(IOV_MAX);
    private int headStart;
    private boolean partOpen;
    private boolean inEndSection;
    private long partSinceNanos;

    RamSender(Channel channel, PageRecordWriter records, OutgoingProgress progress, MonotonicClock clock) {
        this.channel = channel;
        this.records = records;
        this.progress = progress;
        this.clock = clock;
    }

    /**
     * Sends the pages of a batch.
     *
     * @return the bytes written to the wire
     */
    long send(int blockIndex, RamBlock block, PageBatch batch) {
        headBuffer.clear();
        vector.clear();
        openPart();
        NativeMemory memory = block.memory();
        long zeroPages = 0;
        headStart = 0;
        for (int i = 0; i < batch.count(); i++) {
            zeroPages += addPage(blockIndex, memory, batch.page(i) * RamBlock.PAGE_BYTES) ? 0 : 1;
        }
        if (!inEndSection && clock.nanoTime() - partSinceNanos > PART_NANOS) {
            closePart();
        }
        vector.add(heads, headStart, headBuffer.position() - headStart);
        progress.zeroPages.addAndGet(zeroPages);
        progress.normalPages.addAndGet(batch.count() - zeroPages);
        return flush();
    }

    /**
     * One page's records; false if it is zero. A method of its own, because the compiler takes one that is called for each page long
     * before it takes a loop that is entered for each batch.
     */
    private boolean addPage(int blockIndex, NativeMemory memory, long offset) {
        if (memory.isZero(offset, RamBlock.PAGE_BYTES)) {
            int _ = records.zeroPage(headBuffer, blockIndex, offset);
            return false;
        }
        int _ = records.pageHeader(headBuffer, blockIndex, offset);
        int headEnd = headBuffer.position();
        vector.add(heads, headStart, headEnd - headStart);
        headStart = headEnd;
        vector.add(memory, offset, RamBlock.PAGE_BYTES);
        return true;
    }

    /** The bitmap has been walked once: ends the section that is open. */
    void endOfWalk() {
        if (partOpen && !inEndSection) {
            headBuffer.clear();
            vector.clear();
            closePart();
            vector.add(heads, 0, headBuffer.position());
            flush();
        }
    }

    /** From here on pages go into the END section, which {@link #endOfRam} ends. */
    void beginEnd() {
        inEndSection = true;
    }

    /** Ends the END section. */
    void endOfRam() {
        headBuffer.clear();
        vector.clear();
        openPart();
        closePart();
        vector.add(heads, 0, headBuffer.position());
        flush();
    }

    /** Waits for the rate limit. */
    void pause(long nanos) {
        channel.pause(nanos);
    }

    private void openPart() {
        if (partOpen) {
            return;
        }
        partOpen = true;
        partSinceNanos = clock.nanoTime();
        SectionKind kind = inEndSection ? SectionKind.END : SectionKind.PART;
        int _ = StreamWriter.sectionHeader(headBuffer, SectionHeader.ram(kind, OutgoingWire.RAM_SECTION));
    }

    private void closePart() {
        partOpen = false;
        int _ = StreamWriter.endOfRamSection(headBuffer, OutgoingWire.RAM_SECTION);
    }

    private long flush() {
        long bytes = vector.remainingBytes();
        channel.write(vector);
        progress.transferredBytes.addAndGet(bytes);
        return bytes;
    }

    @Override
    public void close() {
        vector.close();
        heads.close();
    }
}
