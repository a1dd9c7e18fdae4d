// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.stream;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.OptionalLong;

/** Commands from their bytes; the mirror of {@link Command#encode}. */
final class CommandDecoder {
    private CommandDecoder() {}

    /**
     * A command other than {@link Command.Packaged} from its data.
     *
     * @throws StreamFormatException if the id is unknown or the data do not fit it
     */
    static Command decode(int id, ByteBuffer data, StreamPlace place) {
        return switch (id) {
            case 1 -> empty(data, place, new Command.OpenReturnPath());
            case 2 -> {
                place.require("Length of the PING command", 4, data.remaining());
                yield new Command.Ping(data.getInt());
            }
            case 3 -> decodeAdvise(data, place);
            case 4 -> empty(data, place, new Command.PostcopyListen());
            case 5 -> empty(data, place, new Command.PostcopyRun());
            case 6 -> decodeDiscard(data, place);
            case 8 -> empty(data, place, new Command.EnableColo());
            case 9 -> empty(data, place, new Command.PostcopyResume());
            case 10 -> {
                String block = Wire.takeName(data, place, "The block name of RECV_BITMAP");
                place.require("Bytes after the block name of RECV_BITMAP", 0, data.remaining());
                yield new Command.ReceivedBitmap(block);
            }
            case 11 -> empty(data, place, new Command.SwitchoverStart());
            default -> throw place.fail("Unknown command", "an id of 1 to 11", id);
        };
    }

    private static Command empty(ByteBuffer data, StreamPlace place, Command command) {
        place.require("Length of the command " + command.id() + ", which has no data", 0, data.remaining());
        return command;
    }

    private static Command decodeAdvise(ByteBuffer data, StreamPlace place) {
        if (data.remaining() == 0) {
            return new Command.PostcopyAdvise(OptionalLong.empty(), OptionalLong.empty());
        }
        place.require("Length of the POSTCOPY_ADVISE command", 16, data.remaining());
        return new Command.PostcopyAdvise(OptionalLong.of(data.getLong()), OptionalLong.of(data.getLong()));
    }

    private static Command decodeDiscard(ByteBuffer data, StreamPlace place) {
        if (data.remaining() < 3) {
            throw place.fail("Length of the POSTCOPY_RAM_DISCARD command", "at least 3", data.remaining());
        }
        place.require("Version of the POSTCOPY_RAM_DISCARD command", 0, data.get());
        String block = Wire.takeName(data, place, "The block name of POSTCOPY_RAM_DISCARD");
        if (data.remaining() < 17 || (data.remaining() - 1) % 16 != 0) {
            throw place.fail(
                    "Bytes after the block name of POSTCOPY_RAM_DISCARD", "1 and a multiple of 16", data.remaining());
        }
        place.require("Byte after the block name of POSTCOPY_RAM_DISCARD", 0, data.get());
        var ranges = new ArrayList<Command.Range>();
        while (data.hasRemaining()) {
            ranges.add(new Command.Range(data.getLong(), data.getLong()));
        }
        return new Command.PostcopyRamDiscard(block, ranges);
    }
}
