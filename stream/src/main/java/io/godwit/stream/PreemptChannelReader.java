// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.stream;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;

/**
 * Reads the second connection of a postcopy with {@code postcopy-preempt}: requested pages, nothing else. No header, no
 * sections, no commands; a page record names its block when it changes on this channel. The channel ends by being
 * closed.
 *
 * <p>Push style: see {@link StreamReader}; a buffer of {@value StreamReader#MIN_BUFFER_BYTES} bytes suffices. A
 * recovered migration has a new channel and needs a new reader. One thread at a time; that of the main channel is
 * another one, so the listener is called from two threads. Of the listener only {@link StreamListener#page} and {@link
 * StreamListener#zeroPage} are called.
 */
public final class PreemptChannelReader {
    private static final String SECTION = "preempt channel";

    private final PageRecordReader pages;
    private long position;
    private boolean ended;
    private int untaken;

    /**
     * Pages of these blocks; the listener's {@code blockIndex} is an index into the list, which is the main channel's.
     * QEMU opens the connection once it has seen any PONG, which can be before we have read the block list; the first
     * page comes after the first request.
     */
    public PreemptChannelReader(StreamListener listener, List<RamBlockEntry> blocks) {
        pages = new PageRecordReader(listener, SECTION, List.copyOf(blocks));
    }

    /** Bytes taken so far. */
    public long position() {
        return position;
    }

    /**
     * Takes all whole records and leaves an incomplete one.
     *
     * @throws StreamFormatException if the bytes are not page records of the known blocks
     */
    public void consume(ByteBuffer in) {
        if (in.order() != ByteOrder.BIG_ENDIAN) {
            throw new IllegalArgumentException("The stream is big-endian, the buffer is not.");
        }
        int before = in.position();
        // WIRE: 9.3; machine types up to 7.2 end the channel with an end record, later ones by closing it.
        if (!ended && pages.read(in, position - before)) {
            ended = true;
        }
        position += in.position() - before;
        if (ended && in.hasRemaining()) {
            throw new StreamPlace(position, SECTION).fail(in.remaining() + " bytes follow the end record.");
        }
        untaken = in.remaining();
    }

    /**
     * The connection has ended.
     *
     * @throws StreamFormatException if it ended inside of a record
     */
    public void endOfInput() {
        if (untaken > 0) {
            throw new StreamPlace(position, SECTION)
                    .incomplete("the channel ended inside of a page record, after " + untaken + " bytes of it.");
        }
    }
}
