// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.stream;

import java.nio.ByteBuffer;
import java.util.List;
import java.util.OptionalLong;

/** What the source tells the destination between sections: type byte 8, u16 id, u16 length, data. */
public sealed interface Command {
    /** LIMIT: the longest that QEMU sends is a discard of 12 ranges of a block with a 255 byte name. */
    int MAX_DATA_BYTES = 3 + 255 + 12 * 16;

    /** The destination is to answer on the same connection from now on. */
    record OpenReturnPath() implements Command {}

    /** The destination is to answer with {@link ReturnPathMessage.Pong}. */
    record Ping(int value) implements Command {}

    /**
     * Postcopy may follow.
     *
     * @param pageSizeSummary all RAM blocks' page sizes ORed, in bytes; absent if only block dirty bitmaps take part
     * @param targetPageBytes the guest's page size; absent likewise
     */
    record PostcopyAdvise(OptionalLong pageSizeSummary, OptionalLong targetPageBytes) implements Command {}

    /** The destination is to serve page faults from now on. */
    record PostcopyListen() implements Command {}

    /** The destination runs from now on. */
    record PostcopyRun() implements Command {}

    /** Pages that were sent and have changed since: the destination drops them. */
    record PostcopyRamDiscard(String block, List<Range> ranges) implements Command {
        /** Copies the ranges. */
        public PostcopyRamDiscard {
            ranges = List.copyOf(ranges);
        }
    }

    /** Bytes {@code [start, start + byteLength)} of a block. */
    record Range(long start, long byteLength) {}

    /** A stream without header inside the stream. */
    record Packaged(Bytes blob) implements Command {}

    /** Checkpoints follow. */
    record EnableColo() implements Command {}

    /** Postcopy goes on over a new connection. */
    record PostcopyResume() implements Command {}

    /** The destination is to answer with the bitmap of what it has of this block. */
    record ReceivedBitmap(String block) implements Command {}

    /** The source's guest has been stopped and its disks handed over. */
    record SwitchoverStart() implements Command {}

    /** The u16 on the wire. */
    default int id() {
        return switch (this) {
            case OpenReturnPath _ -> 1;
            case Ping _ -> 2;
            case PostcopyAdvise _ -> 3;
            case PostcopyListen _ -> 4;
            case PostcopyRun _ -> 5;
            case PostcopyRamDiscard _ -> 6;
            case Packaged _ -> 7;
            case EnableColo _ -> 8;
            case PostcopyResume _ -> 9;
            case ReceivedBitmap _ -> 10;
            case SwitchoverStart _ -> 11;
        };
    }

    /** Bytes on the wire, the blob of {@link Packaged} included. */
    default int byteLength() {
        return 5
                + switch (this) {
                    case OpenReturnPath _,
                            PostcopyListen _,
                            PostcopyRun _,
                            EnableColo _,
                            PostcopyResume _,
                            SwitchoverStart _ -> 0;
                    case Ping _ -> 4;
                    case PostcopyAdvise advise -> advise.pageSizeSummary().isPresent() ? 16 : 0;
                    case PostcopyRamDiscard discard ->
                        3
                                + Wire.nameBytes(discard.block()).length
                                + 16 * discard.ranges().size();
                    case Packaged packaged -> 4 + packaged.blob().byteLength();
                    case ReceivedBitmap bitmap -> 1 + Wire.nameBytes(bitmap.block()).length;
                };
    }

    /** Puts the whole command. */
    default void encode(ByteBuffer out) {
        int dataLength = this instanceof Packaged ? 4 : byteLength() - 5;
        if (dataLength > MAX_DATA_BYTES) {
            throw new IllegalArgumentException(
                    "A command carries at most " + MAX_DATA_BYTES + " bytes, this one has " + dataLength + ".");
        }
        out.put((byte) Wire.COMMAND).putShort((short) id()).putShort((short) dataLength);
        switch (this) {
            case OpenReturnPath _,
                    PostcopyListen _,
                    PostcopyRun _,
                    EnableColo _,
                    PostcopyResume _,
                    SwitchoverStart _ -> {}
            case Ping ping -> out.putInt(ping.value());
            case PostcopyAdvise advise -> {
                advise.pageSizeSummary().ifPresent(out::putLong);
                advise.targetPageBytes().ifPresent(out::putLong);
            }
            case PostcopyRamDiscard discard -> {
                out.put((byte) 0);
                Wire.putName(out, discard.block());
                out.put((byte) 0);
                discard.ranges().forEach(range -> out.putLong(range.start()).putLong(range.byteLength()));
            }
            case Packaged packaged ->
                out.putInt(packaged.blob().byteLength()).put(packaged.blob().toBuffer());
            case ReceivedBitmap bitmap -> Wire.putName(out, bitmap.block());
        }
    }
}
