// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing.postcopy;

import io.godwit.engine.memory.PageBatch;
import io.godwit.engine.memory.PageSource;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.outgoing.plan.PostcopyProgress;
import io.godwit.engine.outgoing.wire.OutgoingWire;
import io.godwit.engine.outgoing.wire.RecordBatch;
import io.godwit.engine.outgoing.wire.WireMeter;
import io.godwit.engine.transport.Channel;
import io.godwit.stream.Command;
import io.godwit.stream.PageRecordWriter;
import io.godwit.stream.SectionHeader;
import io.godwit.stream.SectionKind;
import io.godwit.stream.StreamWriter;
import java.util.OptionalInt;

/**
 * Sends claimed pages over one channel of a postcopy connection. Each batch, a few pages or one host page, leaves
 * whole: on the main channel as a PART of its own, on the channel of requested pages as bare records. WIRE 9.2, 9.3.
 *
 * <p>One thread at a time. A new connection needs a new sender, whose first record names its block.
 */
final class PageSender implements AutoCloseable {
    private final Channel channel;
    private final boolean inSections;
    private final RecordBatch out;
    private final WireMeter meter;
    private final PostcopyProgress postcopy;

    private PageSender(
            Channel channel, boolean inSections, PageRecordWriter records, WireMeter meter, PostcopyProgress postcopy) {
        this.channel = channel;
        this.inSections = inSections;
        this.out = new RecordBatch(records, RecordBatch.MAX_PAGES);
        this.meter = meter;
        this.postcopy = postcopy;
    }

    static PageSender onMainChannel(
            Channel channel, PageRecordWriter records, WireMeter meter, PostcopyProgress postcopy) {
        return new PageSender(channel, true, records, meter, postcopy);
    }

    static PageSender onChannelOfRequestedPages(
            Channel channel, PageRecordWriter records, WireMeter meter, PostcopyProgress postcopy) {
        return new PageSender(channel, false, records, meter, postcopy);
    }

    /** A bound of the bytes that so many pages take on the wire. */
    static long wireBytes(int pageCount) {
        return pageCount * (RamBlock.PAGE_BYTES + 8L);
    }

    /**
     * Sends a batch.
     *
     * @param pages where the content of its pages is
     * @param ping value of a PING behind it, only on the main channel
     * @return bytes written
     */
    long send(int blockIndex, PageSource pages, PageBatch batch, OptionalInt ping) {
        out.clear();
        if (inSections) {
            int _ = StreamWriter.sectionHeader(
                    out.framing(), SectionHeader.ram(SectionKind.PART, OutgoingWire.RAM_SECTION));
        }
        long bytes = 0;
        int zeroPages = 0;
        pages.locate(batch);
        int room = RecordBatch.MAX_PAGES;
        for (int i = 0; i < batch.count(); i++) {
            if (room-- == 0) {
                bytes += out.writeTo(channel);
                out.clear();
                room = RecordBatch.MAX_PAGES - 1;
            }
            zeroPages += out.addPage(blockIndex, batch, i) ? 0 : 1;
        }
        if (inSections) {
            int _ = StreamWriter.endOfRamSection(out.framing(), OutgoingWire.RAM_SECTION);
        }
        ping.ifPresent(this::putPing);
        bytes += out.writeTo(channel);
        account(bytes, batch.count() - zeroPages, zeroPages);
        return bytes;
    }

    /** Sends a PING alone. */
    void ping(int value) {
        out.clear();
        putPing(value);
        account(out.writeTo(channel), 0, 0);
    }

    /** The last bytes: an END section without pages, and the end of the stream. */
    void end() {
        out.clear();
        int _ = StreamWriter.sectionHeader(out.framing(), SectionHeader.ram(SectionKind.END, OutgoingWire.RAM_SECTION))
                + StreamWriter.endOfRamSection(out.framing(), OutgoingWire.RAM_SECTION)
                + StreamWriter.endOfStream(out.framing());
        account(out.writeTo(channel), 0, 0);
    }

    private void putPing(int value) {
        int _ = StreamWriter.command(out.framing(), new Command.Ping(value));
    }

    private void account(long bytes, long normalPages, long zeroPages) {
        meter.sentBytes(bytes);
        meter.sentPages(normalPages, zeroPages);
        postcopy.sentBytes(bytes);
    }

    @Override
    public void close() {
        out.close();
    }
}
