// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing.postcopy;

import io.godwit.engine.memory.PageBitmap;
import io.godwit.engine.memory.RamBlock;
import io.godwit.stream.Command;
import java.util.ArrayList;
import java.util.List;

/**
 * What the destination must throw away before the guest runs there: pages that it has, or may have, in an older form.
 * What is dirty stays dirty until it is sent in postcopy, so discards may be told as soon as no page is sent any more,
 * while the guest still runs; later ones add what was written since. WIRE 9.2.
 */
final class Discards {
    /** LIMIT: as many as QEMU puts into one command. */
    static final int RANGES_A_COMMAND = 12;

    private final OwedPages pages;
    private final List<long[]> told = new ArrayList<>();
    private boolean anyTold;

    Discards(OwedPages pages) {
        this.pages = pages;
        for (int i = 0; i < pages.blockCount(); i++) {
            told.add(new long[pages.block(i).dirtyBitmap().wordCount()]);
        }
    }

    /**
     * The commands for all that is owed and was not told yet.
     *
     * @param last whether there must be one command in all: a destination that has discarded nothing is not ready to
     *     listen. If nothing is owed, one page is.
     */
    List<Command.PostcopyRamDiscard> next(boolean last) {
        List<Command.PostcopyRamDiscard> commands = new ArrayList<>();
        for (int i = 0; i < pages.blockCount(); i++) {
            collect(i, commands);
        }
        if (last && commands.isEmpty() && !anyTold && pages.blockCount() > 0) {
            pages.block(0).dirtyBitmap().setRange(0, pages.pagesPerHostPage(0));
            collect(0, commands);
        }
        anyTold |= !commands.isEmpty();
        return commands;
    }

    private void collect(int blockIndex, List<Command.PostcopyRamDiscard> commands) {
        RamBlock block = pages.block(blockIndex);
        PageBitmap dirty = block.dirtyBitmap();
        long[] before = told.get(blockIndex);
        Ranges ranges = new Ranges(block.idstr(), commands);
        for (int word = 0; word < before.length; word++) {
            long fresh = dirty.peek(word) & ~before[word];
            if (fresh != 0) {
                before[word] |= fresh;
                ranges.add((long) word << 6, fresh);
            }
        }
        ranges.end();
    }

    /** Joins bits to ranges and ranges to commands. */
    private static final class Ranges {
        private final String idstr;
        private final List<Command.PostcopyRamDiscard> commands;
        private final List<Command.Range> ranges = new ArrayList<>();
        private long first;
        private long behind;

        Ranges(String idstr, List<Command.PostcopyRamDiscard> commands) {
            this.idstr = idstr;
            this.commands = commands;
        }

        void add(long base, long bits) {
            long rest = bits;
            while (rest != 0) {
                int from = Long.numberOfTrailingZeros(rest);
                int length = Long.numberOfTrailingZeros(~(rest >>> from));
                if (base + from != behind) {
                    endRange();
                    first = base + from;
                }
                behind = base + from + length;
                rest = from + length >= 64 ? 0 : rest & (-1L << (from + length));
            }
        }

        void end() {
            endRange();
            endCommand();
        }

        private void endRange() {
            if (behind > first) {
                ranges.add(new Command.Range(first << RamBlock.PAGE_SHIFT, (behind - first) << RamBlock.PAGE_SHIFT));
                if (ranges.size() == RANGES_A_COMMAND) {
                    endCommand();
                }
            }
            first = 0;
            behind = 0;
        }

        private void endCommand() {
            if (!ranges.isEmpty()) {
                commands.add(new Command.PostcopyRamDiscard(idstr, ranges));
                ranges.clear();
            }
        }
    }
}
