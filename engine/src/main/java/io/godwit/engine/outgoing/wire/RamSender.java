// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing.wire;

import io.godwit.engine.environment.MonotonicClock;
import io.godwit.engine.memory.PageBatch;
import io.godwit.engine.memory.PageSource;
import io.godwit.engine.transport.Channel;
import io.godwit.stream.PageRecordWriter;
import io.godwit.stream.SectionHeader;
import io.godwit.stream.SectionKind;
import io.godwit.stream.StreamWriter;

/**
 * Sends batches of pages: tests each for zero, writes the records' heads into a small buffer and hands heads and guest
 * pages to the kernel in one call, straight from guest memory. WIRE: records of the RAM section inside PART or END
 * sections.
 */
public final class RamSender implements AutoCloseable {
    /** Pages for each system call. */
    public static final int BATCH_PAGES = RecordBatch.MAX_PAGES;

    /** LIMIT: how long a PART may go on; QEMU's destination looks up from its work between sections. */
    private static final long PART_NANOS = 50_000_000;

    private final Channel channel;
    private final RecordBatch batchOut;
    private final WireMeter meter;
    private final MonotonicClock clock;
    private boolean partOpen;
    private boolean inEndSection;
    private long partSinceNanos;

    public RamSender(Channel channel, PageRecordWriter records, WireMeter meter, MonotonicClock clock) {
        this.channel = channel;
        this.batchOut = new RecordBatch(records, BATCH_PAGES);
        this.meter = meter;
        this.clock = clock;
    }

    /**
     * Sends the pages of a batch.
     *
     * @param pages where their content is
     * @return the bytes written to the wire
     */
    public long send(int blockIndex, PageSource pages, PageBatch batch) {
        batchOut.clear();
        openPart();
        pages.locate(batch);
        long zeroPages = 0;
        for (int i = 0; i < batch.count(); i++) {
            zeroPages += batchOut.addPage(blockIndex, batch, i) ? 0 : 1;
        }
        if (!inEndSection && clock.nanoTime() - partSinceNanos > PART_NANOS) {
            closePart();
        }
        meter.sentPages(batch.count() - zeroPages, zeroPages);
        return flush();
    }

    /** The destination numbers blocks by another list from now on; no section may be open. */
    public void number(PageRecordWriter next) {
        batchOut.number(next);
    }

    /** The bitmap has been walked once: ends the section that is open. */
    public void endOfWalk() {
        if (partOpen && !inEndSection) {
            batchOut.clear();
            closePart();
            flush();
        }
    }

    /** From here on pages go into PART sections again: of a checkpoint, behind the END section of the last one. */
    public void beginPasses() {
        inEndSection = false;
    }

    /** From here on pages go into the END section, which {@link #endOfRam} ends. */
    public void beginEnd() {
        inEndSection = true;
    }

    /** Ends the END section. */
    public void endOfRam() {
        batchOut.clear();
        openPart();
        closePart();
        flush();
    }

    /** Waits for the rate limit. */
    public void pause(long nanos) {
        channel.pause(nanos);
    }

    private void openPart() {
        if (partOpen) {
            return;
        }
        partOpen = true;
        partSinceNanos = clock.nanoTime();
        SectionKind kind = inEndSection ? SectionKind.END : SectionKind.PART;
        int _ = StreamWriter.sectionHeader(batchOut.framing(), SectionHeader.ram(kind, OutgoingWire.RAM_SECTION));
    }

    private void closePart() {
        partOpen = false;
        int _ = StreamWriter.endOfRamSection(batchOut.framing(), OutgoingWire.RAM_SECTION);
    }

    private long flush() {
        long bytes = batchOut.writeTo(channel);
        meter.sentBytes(bytes);
        return bytes;
    }

    @Override
    public void close() {
        batchOut.close();
    }
}
