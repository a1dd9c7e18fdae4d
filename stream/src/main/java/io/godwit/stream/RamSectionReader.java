// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.stream;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.OptionalLong;
import java.util.Set;

/**
 * Reads the bodies of the RAM section: the block list, then pages, those by {@link PageRecordReader}. Where both sides
 * have agreed on it, a PART may hold a block list instead of pages, which takes the place of the one before.
 */
final class RamSectionReader {
    private static final String SECTION = "section 'ram'";

    private final StreamListener listener;
    private final StreamLimits limits;

    private boolean sharedMemoryIgnored;
    private boolean mappedRam;
    private boolean mappedRamAllowed;
    private boolean takesOthers;
    private OptionalLong jump = OptionalLong.empty();
    private boolean postcopyAdvised;
    private long pageSizeSummary;

    private SectionKind kind = SectionKind.START;
    private List<RamBlockEntry> entries = new ArrayList<>();
    private final Set<String> names = new HashSet<>();
    private boolean listMayChange;
    private boolean bodyHasBegun;
    private boolean isListBody;
    private boolean inBlockList;
    private boolean listHeadSeen;
    private boolean blockListSeen;
    private long bytesLeftInList;

    private PageRecordReader pages;

    RamSectionReader(StreamListener listener, StreamLimits limits) {
        this.listener = listener;
        this.limits = limits;
        this.pages = new PageRecordReader(listener, SECTION, List.of());
    }

    void configure(Configuration configuration) {
        sharedMemoryIgnored = configuration.isSharedMemoryIgnored();
        mappedRam = configuration.capabilities().contains(Configuration.MAPPED_RAM);
    }

    /** The block list may have page sizes, and these. */
    void advise(OptionalLong summary) {
        postcopyAdvised = summary.isPresent();
        pageSizeSummary = summary.orElse(0);
    }

    /** Pages may lie in the file, and not in records. */
    void allowMappedRam() {
        mappedRamAllowed = true;
    }

    /** XBZRLE and flushes of multifd are told of. */
    void allowOtherRecords() {
        takesOthers = true;
    }

    /** Where in the file the block list goes on, once after each block whose pages lie there. */
    OptionalLong jump() {
        OptionalLong taken = jump;
        jump = OptionalLong.empty();
        return taken;
    }

    /** From now on a PART may hold a block list. */
    void allowChangedList() {
        listMayChange = true;
    }

    /** From now on the block list stays as it is. */
    void keepList() {
        listMayChange = false;
    }

    /** The block list, empty before it has been read. */
    List<RamBlockEntry> blocks() {
        return blockListSeen && !inBlockList ? entries : List.of();
    }

    /** A new connection names its blocks again. */
    void forgetBlock() {
        pages.forgetBlock();
    }

    void begin(SectionKind sectionKind) {
        kind = sectionKind;
        inBlockList = false;
        listHeadSeen = false;
        bodyHasBegun = sectionKind != SectionKind.PART;
        isListBody = sectionKind == SectionKind.START;
    }

    /**
     * Takes records until the section's end or the end of what is there.
     *
     * @param base stream position of {@code in}'s position
     * @return whether the section's body has ended
     */
    boolean read(ByteBuffer in, long base) {
        long origin = base - in.position();
        if (!bodyHasBegun && !beginBody(in)) {
            return false;
        }
        return isListBody ? blockList(in, origin) : pages.read(in, origin);
    }

    /** The first record of a PART says whether it is a list; whether it is known what that is. */
    private boolean beginBody(ByteBuffer in) {
        if (in.remaining() < 8) {
            return false;
        }
        bodyHasBegun = true;
        isListBody = listMayChange && (in.getLong(in.position()) & Wire.FLAG_MASK) == Wire.RAM_MEM_SIZE;
        return true;
    }

    private static StreamPlace place(long position) {
        return new StreamPlace(position, SECTION);
    }

    private boolean blockList(ByteBuffer in, long origin) {
        if (!listHeadSeen) {
            if (in.remaining() < 8) {
                return false;
            }
            blockListBegins(in.getLong(), place(origin + in.position() - 8));
        }
        while (inBlockList) {
            if (bytesLeftInList == 0 && jump.isEmpty()) {
                blockListEnds();
            } else if (jump.isPresent() || !blockEntry(in, origin)) {
                return false;
            }
        }
        while (in.remaining() >= 8) {
            long word = in.getLong();
            if (word == Wire.RAM_EOS) {
                return true;
            }
            StreamPlace place = place(origin + in.position() - 8);
            if (word != Wire.RAM_MULTIFD_FLUSH) {
                throw place.fail("After the block list", "0x10 (end of section)", "0x" + Long.toHexString(word));
            }
            if (!takesOthers) {
                throw PageRecordReader.multifd(place);
            }
            listener.multifdFlush();
        }
        return false;
    }

    private void blockListBegins(long word, StreamPlace place) {
        if ((word & Wire.FLAG_MASK) != Wire.RAM_MEM_SIZE) {
            throw place.fail(
                    "Section 'ram' does not start with the block list", "flag 0x4", "0x" + Long.toHexString(word));
        }
        if (mappedRam && !mappedRamAllowed) {
            throw place.unsupported("The stream has the capability mapped-ram, which this version does not read.");
        }
        if (sharedMemoryIgnored && postcopyAdvised) {
            throw place.fail("The stream has x-ignore-shared and postcopy, which exclude each other.");
        }
        bytesLeftInList = word & ~(long) Wire.FLAG_MASK;
        place.requireAtMost("Total length of all RAM blocks", limits.maxRamBytes(), bytesLeftInList);
        entries = new ArrayList<>();
        names.clear();
        listHeadSeen = true;
        inBlockList = true;
    }

    private boolean blockEntry(ByteBuffer in, long origin) {
        int at = in.position();
        StreamPlace place = place(origin + at);
        if (!Wire.hasName(in, at)) {
            return false;
        }
        int fieldsAt = at + 1 + Byte.toUnsignedInt(in.get(at));
        // The 8 bytes after the entry decide whether it has a page size; they are always there, if only as end of
        // section.
        int needed = fieldsAt
                + 8
                + (sharedMemoryIgnored ? 8 : 0)
                + (postcopyAdvised ? 8 : 0)
                + (mappedRam ? MappedBlock.HEADER_BYTES : 0);
        if (in.limit() < needed) {
            return false;
        }
        place.requireAtMost("Count of RAM blocks", limits.maxBlocks(), entries.size() + 1L);
        String name = Wire.takeName(in, place, "The RAM block's name");
        long usedLength = in.getLong();
        checkLength(name, usedLength, place);
        if (!names.add(name)) {
            throw place.fail("RAM block '" + name + "' is in the block list twice.");
        }
        OptionalLong pageSize = postcopyAdvised ? takePageSize(in) : OptionalLong.empty();
        if (pageSize.isPresent()) {
            checkPageSize(name, usedLength, pageSize.getAsLong(), place);
        }
        OptionalLong address = sharedMemoryIgnored ? OptionalLong.of(in.getLong()) : OptionalLong.empty();
        bytesLeftInList -= usedLength;
        entries.add(new RamBlockEntry(name, usedLength, pageSize, address));
        if (mappedRam) {
            MappedBlock mapped = MappedBlock.take(in, entries.size() - 1, usedLength, place);
            jump = OptionalLong.of(mapped.pagesOffset() + usedLength);
            listener.mappedBlock(mapped);
        }
        return true;
    }

    /**
     * WIRE: QEMU 10.0 sends the page size only if it is not the host's; a name's length byte is never 0, an end of
     * section not aligned.
     */
    private static OptionalLong takePageSize(ByteBuffer in) {
        long next = in.getLong(in.position());
        boolean isPageSize = next > 0 && (next >>> 56) == 0 && (next & Wire.FLAG_MASK) == 0 && Long.bitCount(next) == 1;
        return isPageSize ? OptionalLong.of(in.getLong()) : OptionalLong.empty();
    }

    private void checkPageSize(String name, long usedLength, long pageSize, StreamPlace place) {
        if ((pageSize & pageSizeSummary) == 0) {
            throw place.fail(
                    "Page size of RAM block '" + name + "'",
                    "one of those that POSTCOPY_ADVISE has announced, 0x" + Long.toHexString(pageSizeSummary),
                    "0x" + Long.toHexString(pageSize));
        }
        if (usedLength % pageSize != 0) {
            throw place.fail("Length of RAM block '" + name + "'", "a multiple of its pages' " + pageSize, usedLength);
        }
    }

    private void checkLength(String name, long usedLength, StreamPlace place) {
        place.requireAtMost("Length of RAM block '" + name + "'", limits.maxBlockBytes(), usedLength);
        if (usedLength == 0 || (usedLength & Wire.FLAG_MASK) != 0) {
            throw place.fail("Length of RAM block '" + name + "'", "a positive multiple of 4096", usedLength);
        }
        if (usedLength > bytesLeftInList) {
            throw place.fail(
                    "The RAM blocks' lengths do not add up to the total: block '" + name + "'",
                    "at most " + bytesLeftInList + " bytes",
                    usedLength);
        }
    }

    private void blockListEnds() {
        inBlockList = false;
        blockListSeen = true;
        pages = new PageRecordReader(listener, SECTION, entries, takesOthers);
        if (kind == SectionKind.START) {
            listener.ramBlocks(List.copyOf(entries));
        } else {
            listener.ramBlocksChanged(List.copyOf(entries));
        }
    }
}
