// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.stream;

import java.util.List;

/**
 * In which order postcopy's commands may come on a main channel (WIRE 9.2, 9.4), and whether what they name exists:
 * ADVISE before the block list, then DISCARDs, then one PACKAGED; on a new connection RECV_BITMAPs, then RESUME, then
 * pages. QEMU calls a command in the wrong state fatal, too.
 */
final class PostcopyOrder {
    private enum Phase {
        PRECOPY,
        ADVISED,
        SWITCHED,
        RECONNECTED
    }

    private Phase phase = Phase.PRECOPY;

    /** Whether PACKAGED has come: no device section and no vmdesc will come on the main channel. */
    boolean isSwitched() {
        return phase == Phase.SWITCHED || phase == Phase.RECONNECTED;
    }

    /** A new connection follows one that broke. */
    void reconnect() {
        phase = Phase.RECONNECTED;
    }

    /** Checks a command other than PACKAGED. {@code blocks} is the block list, empty before it has come. */
    void take(Command command, List<RamBlockEntry> blocks, StreamPlace place) {
        switch (command) {
            case Command.Ping _ -> {}
            case Command.PostcopyAdvise advise -> advise(advise, blocks, place);
            case Command.PostcopyRamDiscard discard -> {
                requirePhase(Phase.ADVISED, "POSTCOPY_RAM_DISCARD", "after POSTCOPY_ADVISE and before PACKAGED", place);
                discard(discard, blocks, place);
            }
            case Command.PostcopyListen _ ->
                throw place.fail("The command POSTCOPY_LISTEN outside of the blob of a PACKAGED command.");
            case Command.PostcopyRun _ ->
                throw place.fail("The command POSTCOPY_RUN outside of the blob of a PACKAGED command.");
            case Command.Packaged _ -> throw new IllegalArgumentException("PACKAGED has a check of its own.");
            case Command.ReceivedBitmap(String block) -> {
                requirePhase(Phase.RECONNECTED, "RECV_BITMAP", "on a new connection before POSTCOPY_RESUME", place);
                find(block, blocks, place);
            }
            case Command.PostcopyResume _ -> {
                requirePhase(Phase.RECONNECTED, "POSTCOPY_RESUME", "once, on a new connection", place);
                phase = Phase.SWITCHED;
            }
            case Command.OpenReturnPath _, Command.EnableColo _, Command.SwitchoverStart _ -> {
                if (isSwitched()) {
                    throw place.fail("The command " + command.id() + " after PACKAGED, where only PING may come.");
                }
            }
        }
    }

    /** Checks that PACKAGED may come. */
    void takePackaged(StreamPlace place) {
        requirePhase(Phase.ADVISED, "PACKAGED", "once, after POSTCOPY_ADVISE", place);
        phase = Phase.SWITCHED;
    }

    /** Checks that a PART or END of the RAM section may come. */
    void takePages(StreamPlace place) {
        if (phase == Phase.RECONNECTED) {
            throw place.fail("Section 'ram' goes on before the command POSTCOPY_RESUME.");
        }
    }

    private void requirePhase(Phase needed, String command, String when, StreamPlace place) {
        if (phase != needed) {
            throw place.fail("The command " + command + " comes out of order: its place is " + when + ".");
        }
    }

    private void advise(Command.PostcopyAdvise advise, List<RamBlockEntry> blocks, StreamPlace place) {
        requirePhase(Phase.PRECOPY, "POSTCOPY_ADVISE", "once, before section 'ram' starts", place);
        if (!blocks.isEmpty()) {
            throw place.fail("The command POSTCOPY_ADVISE comes after the block list.");
        }
        if (advise.pageSizeSummary().isEmpty()) {
            return;
        }
        place.require(
                "Target page size of POSTCOPY_ADVISE",
                Wire.PAGE_BYTES,
                advise.targetPageBytes().orElse(0));
        long summary = advise.pageSizeSummary().getAsLong();
        if (summary <= 0 || (summary & Wire.FLAG_MASK) != 0) {
            throw place.fail(
                    "Page sizes of POSTCOPY_ADVISE",
                    "powers of two from 0x1000, ORed",
                    "0x" + Long.toHexString(summary));
        }
        phase = Phase.ADVISED;
    }

    private static void discard(Command.PostcopyRamDiscard discard, List<RamBlockEntry> blocks, StreamPlace place) {
        RamBlockEntry block = find(discard.block(), blocks, place);
        long length = block.usedLength();
        for (Command.Range range : discard.ranges()) {
            boolean aligned = ((range.start() | range.byteLength()) & Wire.FLAG_MASK) == 0;
            boolean inside = range.start() >= 0
                    && range.byteLength() > 0
                    && range.start() <= length - Math.min(range.byteLength(), length)
                    && range.byteLength() <= length;
            if (!aligned || !inside) {
                throw place.fail(
                        "Range of POSTCOPY_RAM_DISCARD in RAM block '" + block.idstr() + "'",
                        "whole pages inside 0x" + Long.toHexString(length) + " bytes",
                        "0x" + Long.toHexString(range.byteLength()) + " bytes from 0x"
                                + Long.toHexString(range.start()));
            }
        }
    }

    private static RamBlockEntry find(String name, List<RamBlockEntry> blocks, StreamPlace place) {
        for (RamBlockEntry block : blocks) {
            if (block.idstr().equals(name)) {
                return block;
            }
        }
        throw place.fail("Unknown RAM block '" + name + "', which is not in the block list.");
    }
}
