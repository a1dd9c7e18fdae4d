// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.checkpoint;

import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.memory.RamBlocks;
import io.godwit.engine.transport.Channel;
import io.godwit.linux.io.IoVector;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.stream.Bytes;
import java.nio.ByteBuffer;
import java.util.zip.CRC32C;

/**
 * Puts epochs on the wire, pages straight from the spool, {@value CheckpointWire#MAX_PAGES} for each system call. One
 * thread at a time.
 */
final class CheckpointSender implements AutoCloseable {
    private final NativeMemory heads = NativeMemory.allocate(RamBlock.PAGE_BYTES);
    private final ByteBuffer head = heads.buffer(0, RamBlock.PAGE_BYTES);
    private final IoVector vector = new IoVector(CheckpointWire.MAX_PAGES + 1);
    private final CRC32C checksum = new CRC32C();
    private long sentBytes;

    /** Announces the blocks, by the order of which pages name them. */
    void blocks(Channel channel, RamBlocks.Snapshot ram) {
        for (int i = 0; i < ram.blocks().size(); i++) {
            RamBlock block = ram.blocks().get(i);
            send(channel, new CheckpointRecord.Block(i, block.idstr(), block.usedLength()));
        }
    }

    /** Sends a whole epoch. */
    void epoch(Channel channel, CheckpointRecord.Begin begin, PageSpool pages, Bytes devices) {
        checksum.reset();
        head.clear();
        begin.encode(head);
        flush(channel);
        for (int first = 0; first < pages.count(); first += countTogether(pages, first)) {
            pages(channel, pages, first, countTogether(pages, first));
        }
        devices(channel, devices);
        head.clear();
        new CheckpointRecord.End(begin.epoch(), pages.count(), (int) checksum.getValue()).encode(head);
        flush(channel);
    }

    /** Sends a single record. */
    void send(Channel channel, CheckpointRecord record) {
        head.clear();
        record.encode(head);
        flush(channel);
    }

    /** Everything that was written so far. */
    long sentBytes() {
        return sentBytes;
    }

    private static int countTogether(PageSpool pages, int first) {
        int most = Math.min(CheckpointWire.MAX_PAGES, pages.count() - first);
        int count = 1;
        while (count < most && pages.block(first + count) == pages.block(first)) {
            count++;
        }
        return count;
    }

    private void pages(Channel channel, PageSpool pages, int first, int count) {
        head.clear();
        head.put((byte) CheckpointWire.PAGES)
                .putShort((short) pages.block(first))
                .putShort((short) count);
        for (int i = first; i < first + count; i++) {
            head.putLong(pages.page(i) * RamBlock.PAGE_BYTES | (pages.isZero(i) ? CheckpointWire.ZERO_FLAG : 0));
        }
        beginVector();
        for (int i = first; i < first + count; i++) {
            if (!pages.isZero(i)) {
                vector.add(pages.memory(i), pages.offset(i), RamBlock.PAGE_BYTES);
                checksum.update(pages.memory(i).buffer(pages.offset(i), RamBlock.PAGE_BYTES));
            }
        }
        write(channel);
    }

    private void devices(Channel channel, Bytes devices) {
        head.clear();
        head.put((byte) CheckpointWire.DEVICES).putInt(devices.byteLength());
        flush(channel);
        ByteBuffer content = devices.toBuffer();
        while (content.hasRemaining()) {
            head.clear();
            int taken = Math.min(head.remaining(), content.remaining());
            head.put(content.slice(content.position(), taken));
            content.position(content.position() + taken);
            flush(channel);
        }
    }

    private void flush(Channel channel) {
        beginVector();
        write(channel);
    }

    private void beginVector() {
        vector.clear();
        vector.add(heads, 0, head.position());
        checksum.update(head.flip());
    }

    private void write(Channel channel) {
        sentBytes += vector.remainingBytes();
        channel.write(vector);
    }

    @Override
    public void close() {
        vector.close();
        heads.close();
    }
}
