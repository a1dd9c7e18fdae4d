// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.stream;

import java.nio.ByteBuffer;
import java.util.List;

/**
 * Gets what {@link StreamReader} reads, in stream order, on the thread that feeds it. Everything has been checked
 * against the stream's own rules and the limits; whether it fits this host (machine, blocks) is the listener's to say.
 * An exception thrown here ends the reading.
 */
public interface StreamListener {
    /** The configuration section, the first thing in every stream. */
    default void configuration(Configuration configuration) {}

    /** A command. Its position is {@link StreamReader#recordPosition()}. */
    default void command(Command command) {}

    /** A section of an iterable device begins; only {@code ram} in this version. */
    default void sectionStart(SectionHeader section) {}

    /** The block list, once, in the START section. {@code blockIndex} from now on is an index into it. */
    default void ramBlocks(List<RamBlockEntry> blocks) {}

    /**
     * A block whose pages lie in the file and come in no record, before {@link #ramBlocks}; only after {@link
     * StreamReader#allowMappedRam}.
     */
    default void mappedBlock(MappedBlock block) {}

    /**
     * The block list has become another one, in a PART section; only after {@link StreamReader#allowChangedBlockList}.
     * {@code blockIndex} from now on is an index into this list: who has the same name as before is the same block, if
     * its length is the same.
     */
    default void ramBlocksChanged(List<RamBlockEntry> blocks) {}

    /**
     * A page. Called for every page of the stream: nothing may be allocated here.
     *
     * @param offset bytes from the start of the block, a multiple of 4096, inside the block
     * @param buffer holds 4096 bytes of content from {@code index}, valid during this call; its position must not be
     * moved
     */
    void page(int blockIndex, long offset, ByteBuffer buffer, int index);

    /** A page of zeros. As {@link #page}. */
    void zeroPage(int blockIndex, long offset);

    /**
     * A page as XBZRLE tells it: what differs from its content before. As {@link #zeroPage}; only after {@link
     * StreamReader#allowOtherRecords}.
     *
     * @param byteLength bytes of the differences
     */
    default void encodedPage(int blockIndex, long offset, int byteLength) {}

    /**
     * Pages have gone over other connections: here they wait for each other. Only after {@link
     * StreamReader#allowOtherRecords}.
     */
    default void multifdFlush() {}

    /** The section's body and its footer have been read. */
    default void sectionEnd(SectionHeader section) {}

    /** All device sections, cut by the vmdesc, in stream order, and the vmdesc's text. */
    default void deviceSections(List<DeviceSection> sections, String vmDescription) {}

    /** The stream is complete; nothing may follow. */
    default void endOfStream() {}
}
