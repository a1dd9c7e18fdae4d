// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.stream;

import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * What a stream contains.
 *
 * @param configuration machine, UUID and capabilities; empty if the stream broke off before
 * @param blocks RAM blocks in the order of the block list
 * @param commands commands in order, the first {@value #MAX_COMMANDS} of them
 * @param commandCount all commands
 * @param partCount PART sections of RAM
 * @param multifdFlushes how often pages that went over other connections were waited for; those are in no block here
 * @param passes how often the walk through RAM began anew: 1 for a guest that did not write, 0 if there are no pages;
 * empty for a background snapshot, which sends each page once and in the order of the guest's writes
 * @param devices device sections in order; empty if the vmdesc did not arrive
 * @param vmDescriptionBytes length of the vmdesc's text
 * @param byteLength bytes of the stream: all of them, or those before the place that {@code remark} names
 * @param trailingBytes bytes behind the end of a complete stream, as on a block device
 * @param ending how the reading ended
 * @param remark what is missing or wrong, with its position, or that nothing is
 */
public record StreamInspection(
        Optional<Configuration> configuration,
        List<Block> blocks,
        List<PlacedCommand> commands,
        long commandCount,
        long partCount,
        long multifdFlushes,
        OptionalInt passes,
        List<DeviceSection> devices,
        long vmDescriptionBytes,
        long byteLength,
        long trailingBytes,
        Ending ending,
        String remark) {
    /** LIMIT: a hostile stream of commands must not fill our memory. */
    public static final int MAX_COMMANDS = 1000;

    /** How the reading ended. */
    public enum Ending {
        /** At the end of the stream, with nothing wrong. */
        COMPLETE,
        /** The input ended before the stream. */
        CUT_SHORT,
        /** At bytes that break a rule of the format. */
        WRONG,
        /** At a feature of QEMU's that this version does not read; nothing is wrong with it. */
        UNSUPPORTED
    }

    /** Copies the lists. */
    public StreamInspection {
        blocks = List.copyOf(blocks);
        commands = List.copyOf(commands);
        devices = List.copyOf(devices);
    }

    /** Whether the stream was read to its end and nothing was wrong. */
    public boolean complete() {
        return ending == Ending.COMPLETE;
    }

    /**
     * A RAM block.
     *
     * @param entry its line in the block list
     * @param normalPages page records with content
     * @param zeroPages page records of zeros
     * @param encodedPages page records of what differs from the content before, by XBZRLE
     * @param distinctPages different pages among all of them
     * @param kinds what each page was the last time that it came
     */
    public record Block(
            RamBlockEntry entry,
            long normalPages,
            long zeroPages,
            long encodedPages,
            long distinctPages,
            PageKinds kinds) {}

    /** What pages are. */
    @FunctionalInterface
    public interface PageKinds {
        /** Of the page with this number in its block. */
        PageKind of(long page);
    }

    /** What a page is. */
    public enum PageKind {
        /** It did not come. */
        ABSENT,
        /** It is all zero. */
        ZERO,
        /** It has content. */
        CONTENT
    }

    /** A command and the stream position where it begins. */
    public record PlacedCommand(long position, Command command) {}
}
