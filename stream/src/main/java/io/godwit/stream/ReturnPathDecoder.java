// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.stream;

import java.nio.ByteBuffer;

/** Return path messages from their bytes; the mirror of {@link ReturnPathMessage#encode}. */
final class ReturnPathDecoder {
    private ReturnPathDecoder() {}

    /**
     * A message from its framed data. Of a {@link ReturnPathMessage.ReceivedBitmap} only the name is framed: its bitmap
     * comes out empty.
     *
     * @throws StreamFormatException if the type is unknown or the data do not fit it
     */
    static ReturnPathMessage decode(int type, ByteBuffer data, StreamPlace place) {
        return switch (type) {
            case 1 -> new ReturnPathMessage.Shut(one(data, place, "SHUT"));
            case 2 -> new ReturnPathMessage.Pong(one(data, place, "PONG"));
            case 3 -> {
                if (data.remaining() < 13) {
                    throw place.fail("Length of the REQ_PAGES_ID message", "at least 13", data.remaining());
                }
                long start = data.getLong();
                int byteLength = data.getInt();
                yield new ReturnPathMessage.RequestPagesOf(lastName(data, place), start, byteLength);
            }
            case 4 -> {
                place.require("Length of the REQ_PAGES message", 12, data.remaining());
                yield new ReturnPathMessage.RequestPages(data.getLong(), data.getInt());
            }
            case 5 -> new ReturnPathMessage.ReceivedBitmap(lastName(data, place), Bytes.empty());
            case 6 -> new ReturnPathMessage.ResumeAck(one(data, place, "RESUME_ACK"));
            case 7 -> {
                place.require("Length of the SWITCHOVER_ACK message", 0, data.remaining());
                yield new ReturnPathMessage.SwitchoverAck();
            }
            default -> throw place.fail("Unknown return path message", "a type of 1 to 7", type);
        };
    }

    private static int one(ByteBuffer data, StreamPlace place, String name) {
        place.require("Length of the " + name + " message", 4, data.remaining());
        return data.getInt();
    }

    private static String lastName(ByteBuffer data, StreamPlace place) {
        String name = Wire.takeName(data, place, "The block name");
        place.require("Bytes after the block name", 0, data.remaining());
        return name;
    }
}
