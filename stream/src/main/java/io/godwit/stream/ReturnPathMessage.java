// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.stream;

import java.nio.ByteBuffer;

/** What the destination tells the source: u16 type, u16 length, data. */
public sealed interface ReturnPathMessage {
    /** LIMIT: QEMU refuses longer framed data. */
    int MAX_DATA_BYTES = 512;

    /** End of the message after a received bitmap. */
    long BITMAP_END = 0x0123456789abcdefL;

    /** The last message. 0: the destination has taken the guest over; anything else: it has not. */
    record Shut(int status) implements ReturnPathMessage {}

    /** Answer to {@link Command.Ping}. */
    record Pong(int value) implements ReturnPathMessage {}

    /** Wants bytes {@code [start, start + requestedBytes)} of a named block soon. */
    record RequestPagesOf(String block, long start, int requestedBytes) implements ReturnPathMessage {}

    /** The same of the block last named. */
    record RequestPages(long start, int requestedBytes) implements ReturnPathMessage {}

    /**
     * Which pages of a block have arrived: little-endian bit order, a multiple of 8 bytes. Bits behind the length are
     * on.
     */
    record ReceivedBitmap(String block, Bytes bitmap) implements ReturnPathMessage {}

    /** Ready to go on with postcopy; {@code value} is 1. */
    record ResumeAck(int value) implements ReturnPathMessage {}

    /** The destination agrees to switch over now. */
    record SwitchoverAck() implements ReturnPathMessage {}

    /** The u16 on the wire. */
    default int type() {
        return switch (this) {
            case Shut _ -> 1;
            case Pong _ -> 2;
            case RequestPagesOf _ -> 3;
            case RequestPages _ -> 4;
            case ReceivedBitmap _ -> 5;
            case ResumeAck _ -> 6;
            case SwitchoverAck _ -> 7;
        };
    }

    /** Bytes on the wire, header and bitmap included. */
    default int byteLength() {
        return 4
                + switch (this) {
                    case Shut _, Pong _, ResumeAck _ -> 4;
                    case RequestPagesOf request -> 13 + Wire.nameBytes(request.block()).length;
                    case RequestPages _ -> 12;
                    case ReceivedBitmap received ->
                        1
                                + Wire.nameBytes(received.block()).length
                                + 16
                                + received.bitmap().byteLength();
                    case SwitchoverAck _ -> 0;
                };
    }

    /** Puts the whole message. */
    default void encode(ByteBuffer out) {
        out.putShort((short) type());
        switch (this) {
            case Shut shut -> out.putShort((short) 4).putInt(shut.status());
            case Pong pong -> out.putShort((short) 4).putInt(pong.value());
            case RequestPagesOf request -> {
                out.putShort((short) (byteLength() - 4))
                        .putLong(request.start())
                        .putInt(request.requestedBytes());
                Wire.putName(out, request.block());
            }
            case RequestPages request ->
                out.putShort((short) 12).putLong(request.start()).putInt(request.requestedBytes());
            case ReceivedBitmap received -> {
                out.putShort((short) (1 + Wire.nameBytes(received.block()).length));
                Wire.putName(out, received.block());
                out.putLong(received.bitmap().byteLength())
                        .put(received.bitmap().toBuffer())
                        .putLong(BITMAP_END);
            }
            case ResumeAck ack -> out.putShort((short) 4).putInt(ack.value());
            case SwitchoverAck _ -> out.putShort((short) 0);
        }
    }
}
