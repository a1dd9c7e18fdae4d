// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.stream;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.OptionalLong;
import java.util.Set;

/** Reads the bodies of the RAM section: the block list, then pages. Costs a few nanoseconds a page and allocates nothing for one. */
final class RamSectionReader {
    private static final String SECTION = "section 'ram'";
    private static final int NO_BLOCK = -1;
    private static final int INCOMPLETE = 0;
    private static final int NO_PAGE = -1;

    private final StreamListener listener;
    private final StreamLimits limits;

    private boolean sharedMemoryIgnored;
    private boolean mappedRam;
    private boolean postcopyAdvised;

    private SectionKind kind = SectionKind.START;
    private final List<RamBlockEntry> entries = new ArrayList<>();
    private final Set<String> names = new HashSet<>();
    private boolean inBlockList;
    private boolean blockListSeen;
    private long bytesLeftInList;

    private byte[][] blockNames = new byte[0][];
    private long[] lastPageOffsets = new long[0];
    /** Per channel, kept across sections: what CONTINUE continues. */
    private int lastBlock = NO_BLOCK;

    RamSectionReader(StreamListener listener, StreamLimits limits) {
        this.listener = listener;
        this.limits = limits;
    }

    void configure(Configuration configuration) {
        sharedMemoryIgnored = configuration.isSharedMemoryIgnored();
        mappedRam = configuration.capabilities().contains(Configuration.MAPPED_RAM);
    }

    void advise(boolean withRam) {
        postcopyAdvised = withRam;
    }

    void begin(SectionKind sectionKind) {
        kind = sectionKind;
        inBlockList = false;
    }

    /**
     * Takes records until the section's end or the end of what is there.
     *
     * @param base stream position of {@code in}'s position
     * @return whether the section's body has ended
     */
    boolean read(ByteBuffer in, long base) {
        long origin = base - in.position();
        if (kind == SectionKind.START) {
            return setup(in, origin);
        }
        return pages(in, origin);
    }

    private static StreamPlace place(long position) {
        return new StreamPlace(position, SECTION);
    }

    private boolean setup(ByteBuffer in, long origin) {
        if (!blockListSeen) {
            if (in.remaining() < 8) {
                return false;
            }
            blockListBegins(in.getLong(), place(origin + in.position() - 8));
        }
        while (inBlockList) {
            if (bytesLeftInList == 0) {
                blockListEnds();
            } else if (!blockEntry(in, origin)) {
                return false;
            }
        }
        if (in.remaining() < 8) {
            return false;
        }
        long word = in.getLong();
        StreamPlace place = place(origin + in.position() - 8);
        if (word == Wire.RAM_MULTIFD_FLUSH) {
            throw multifd(place);
        }
        if (word != Wire.RAM_EOS) {
            throw place.fail("After the block list", "0x10 (end of section)", "0x" + Long.toHexString(word));
        }
        return true;
    }

    private void blockListBegins(long word, StreamPlace place) {
        if ((word & Wire.FLAG_MASK) != Wire.RAM_MEM_SIZE) {
            throw place.fail(
                    "Section 'ram' does not start with the block list", "flag 0x4", "0x" + Long.toHexString(word));
        }
        if (mappedRam) {
            throw place.fail("The stream has the capability mapped-ram, which this version does not read.");
        }
        if (sharedMemoryIgnored && postcopyAdvised) {
            throw place.fail("The stream has x-ignore-shared and postcopy, which exclude each other.");
        }
        bytesLeftInList = word & ~(long) Wire.FLAG_MASK;
        place.requireAtMost("Total length of all RAM blocks", limits.maxRamBytes(), bytesLeftInList);
        blockListSeen = true;
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
        int needed = fieldsAt + 8 + (sharedMemoryIgnored ? 8 : 0) + (postcopyAdvised ? 8 : 0);
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
        OptionalLong address = sharedMemoryIgnored ? OptionalLong.of(in.getLong()) : OptionalLong.empty();
        bytesLeftInList -= usedLength;
        entries.add(new RamBlockEntry(name, usedLength, pageSize, address));
        return true;
    }

    /** WIRE: QEMU 10.0 sends the page size only if it is not the host's; a name's length byte is never 0, an end of section not aligned. */
    private static OptionalLong takePageSize(ByteBuffer in) {
        long next = in.getLong(in.position());
        boolean isPageSize = next > 0 && (next >>> 56) == 0 && (next & Wire.FLAG_MASK) == 0 && Long.bitCount(next) == 1;
        return isPageSize ? OptionalLong.of(in.getLong()) : OptionalLong.empty();
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
        int count = entries.size();
        blockNames = new byte[count][];
        lastPageOffsets = new long[count];
        for (int i = 0; i < count; i++) {
            blockNames[i] = entries.get(i).idstr().getBytes(StandardCharsets.US_ASCII);
            lastPageOffsets[i] = entries.get(i).usedLength() - Wire.PAGE_BYTES;
        }
        listener.ramBlocks(List.copyOf(entries));
    }

    private boolean pages(ByteBuffer in, long origin) {
        int at = in.position();
        int end = page(in, at, origin);
        while (end > 0) {
            at = end;
            end = page(in, at, origin);
        }
        in.position(at);
        return end == NO_PAGE && other(in, in.getLong(at), place(origin + at));
    }

    /**
     * Takes one page's record at {@code at}: where it ends, or {@link #INCOMPLETE}, or {@link #NO_PAGE}. A method of its own, because
     * the compiler takes one that is called for each page long before it takes the loop around it.
     */
    private int page(ByteBuffer in, int at, long origin) {
        int limit = in.limit();
        if (limit - at < 8) {
            return INCOMPLETE;
        }
        long word = in.getLong(at);
        int flags = (int) word & Wire.FLAG_MASK;
        int data;
        switch (flags) {
            case Wire.RAM_PAGE | Wire.RAM_CONTINUE, Wire.RAM_ZERO | Wire.RAM_CONTINUE -> data = at + 8;
            case Wire.RAM_PAGE, Wire.RAM_ZERO -> data = named(in, at + 8, origin);
            default -> {
                return NO_PAGE;
            }
        }
        boolean zero = (flags & Wire.RAM_ZERO) != 0;
        int end = data + (zero ? 1 : Wire.PAGE_BYTES);
        if (data < 0 || end > limit) {
            return INCOMPLETE;
        }
        long offset = word & ~(long) Wire.FLAG_MASK;
        int block = lastBlock;
        if (block < 0 || offset < 0 || offset > lastPageOffsets[block]) {
            throw badPage(block, offset, place(origin + at));
        }
        if (zero) {
            if (in.get(data) != 0) {
                throw place(origin + at).fail("Fill byte of a zero page", 0, Byte.toUnsignedInt(in.get(data)));
            }
            listener.zeroPage(block, offset);
        } else {
            listener.page(block, offset, in, data);
        }
        return end;
    }

    /** Makes the named block the last one. Returns the index after the name, or a negative number if the name is not there wholly. */
    private int named(ByteBuffer in, int at, long origin) {
        if (!Wire.hasName(in, at)) {
            return Integer.MIN_VALUE;
        }
        int length = Byte.toUnsignedInt(in.get(at));
        int count = blockNames.length;
        int first = Math.max(lastBlock, 0);
        for (int i = 0; i < count; i++) {
            int block = first + i < count ? first + i : first + i - count;
            if (matches(in, at + 1, length, blockNames[block])) {
                lastBlock = block;
                return at + 1 + length;
            }
        }
        StreamPlace place = place(origin + at);
        ByteBuffer name = in.duplicate().position(at);
        throw place.fail("Unknown RAM block '" + Wire.takeName(name, place, "The RAM block's name")
                + "', which is not in the block list.");
    }

    private static boolean matches(ByteBuffer in, int at, int length, byte[] name) {
        if (length != name.length) {
            return false;
        }
        for (int i = 0; i < length; i++) {
            if (in.get(at + i) != name[i]) {
                return false;
            }
        }
        return true;
    }

    private StreamFormatException badPage(int block, long offset, StreamPlace place) {
        if (block < 0) {
            return place.fail("A page continues the last RAM block, but none has been named yet.");
        }
        return place.fail(
                "Page offset outside RAM block '" + entries.get(block).idstr() + "'",
                "at most 0x" + Long.toHexString(lastPageOffsets[block]),
                "0x" + Long.toHexString(offset));
    }

    /** The section's end, or a flag that is not taken. */
    private boolean other(ByteBuffer in, long word, StreamPlace place) {
        if (word == Wire.RAM_EOS) {
            in.position(in.position() + 8);
            return true;
        }
        int flags = (int) word & Wire.FLAG_MASK;
        throw switch (flags & ~Wire.RAM_CONTINUE) {
            case Wire.RAM_XBZRLE ->
                place.fail(
                        "An XBZRLE page, which this version does not read: turn the capability xbzrle off at the source.");
            case Wire.RAM_MULTIFD_FLUSH -> multifd(place);
            case Wire.RAM_COMPRESS_PAGE ->
                place.fail(
                        "A compressed page of a QEMU before 9.1, which is not supported: turn the capability compress off.");
            case Wire.RAM_HOOK -> place.fail("An RDMA record; RDMA is not supported.");
            case Wire.RAM_MEM_SIZE -> place.fail("A block list outside the START of section 'ram'.");
            case Wire.RAM_FULL -> place.fail("The RAM flag 0x1 has been obsolete since 2009.");
            case Wire.RAM_EOS -> place.fail("End of section", "0x10", "0x" + Long.toHexString(word));
            default ->
                place.fail("Unknown combination of RAM flags", "0x2, 0x8 or 0x10", "0x" + Integer.toHexString(flags));
        };
    }

    private static StreamFormatException multifd(StreamPlace place) {
        return place.fail(
                "The source uses multifd, which this version does not read: turn the capability multifd off.");
    }
}
