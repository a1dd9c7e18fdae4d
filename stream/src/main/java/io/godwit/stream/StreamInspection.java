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
        OptionalInt passes,
        List<Device> devices,
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
     * @param distinctPages different pages among both
     */
    public record Block(RamBlockEntry entry, long normalPages, long zeroPages, long distinctPages) {}

    /** A command and the stream position where it begins. */
    public record PlacedCommand(long position, Command command) {}

    /**
     * A device section.
     *
     * @param byteLength bytes of its payload
     * @param description name of its layout; empty for old-style devices
     * @param subsections names of the subsections that were sent
     */
    public record Device(
            String idstr, int instanceId, int versionId, int byteLength, String description, List<String> subsections) {
        /** Copies the list. */
        public Device {
            subsections = List.copyOf(subsections);
        }

        static Device of(DeviceSection section) {
            return new Device(
                    section.idstr(),
                    section.instanceId(),
                    section.versionId(),
                    section.payload().byteLength(),
                    section.description().name(),
                    section.description().subsections().stream()
                            .map(VmStateDescription::name)
                            .toList());
        }
    }
}
