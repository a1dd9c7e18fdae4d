// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.stream;

import java.nio.ByteBuffer;
import java.util.List;

/**
 * Reads the page records of one channel; the mirror of {@link PageRecordWriter}. A few nanoseconds a page, nothing
 * allocated for one.
 */
final class PageRecordReader {
    private static final int INCOMPLETE = 0;
    private static final int NO_PAGE = -1;

    /** Encoding (1) and length (2). */
    private static final int XBZRLE_HEAD_BYTES = 3;

    private final StreamListener listener;
    private final String section;
    private final List<RamBlockEntry> blocks;
    private final BlockNames names;
    private final long[] lastPageOffsets;
    private final boolean takesOthers;
    /** Per channel, kept across sections: what CONTINUE continues. */
    private int lastBlock = BlockNames.NO_BLOCK;

    /** {@code section} is what errors say is being read. */
    PageRecordReader(StreamListener listener, String section, List<RamBlockEntry> blocks) {
        this(listener, section, blocks, false);
    }

    /** With {@code takesOthers}, XBZRLE and flushes of multifd are told of. */
    PageRecordReader(StreamListener listener, String section, List<RamBlockEntry> blocks, boolean takesOthers) {
        this.takesOthers = takesOthers;
        this.listener = listener;
        this.section = section;
        this.blocks = blocks;
        this.names = new BlockNames(blocks);
        this.lastPageOffsets = blocks.stream()
                .mapToLong(block -> block.usedLength() - Wire.PAGE_BYTES)
                .toArray();
    }

    /** The next record must name its block, as a new channel's first one must. */
    void forgetBlock() {
        lastBlock = BlockNames.NO_BLOCK;
    }

    /**
     * Takes page records until something else comes or the end of what is there.
     *
     * @param origin stream position of {@code in}'s index 0
     * @return whether the channel's end record has been taken
     * @throws StreamFormatException if what comes is neither
     */
    boolean read(ByteBuffer in, long origin) {
        int at = in.position();
        int end = record(in, at, origin);
        while (end > 0) {
            at = end;
            end = record(in, at, origin);
        }
        in.position(at);
        return end == NO_PAGE && other(in, in.getLong(at), place(origin + at));
    }

    private int record(ByteBuffer in, int at, long origin) {
        int end = page(in, at, origin);
        return end == NO_PAGE && takesOthers ? otherRecord(in, at, origin) : end;
    }

    /** Takes a record that is no page, but has to do with some. As {@link #page}. */
    private int otherRecord(ByteBuffer in, int at, long origin) {
        long word = in.getLong(at);
        if (word == Wire.RAM_MULTIFD_FLUSH) {
            listener.multifdFlush();
            return at + 8;
        }
        int flags = (int) word & Wire.FLAG_MASK;
        if ((flags & ~Wire.RAM_CONTINUE) != Wire.RAM_XBZRLE) {
            return NO_PAGE;
        }
        int head = (flags & Wire.RAM_CONTINUE) != 0 ? at + 8 : named(in, at + 8, origin);
        if (head < 0 || head + XBZRLE_HEAD_BYTES > in.limit()) {
            return INCOMPLETE;
        }
        StreamPlace place = place(origin + at);
        place.require("Encoding of an XBZRLE page", 1, Byte.toUnsignedInt(in.get(head)));
        int byteLength = Short.toUnsignedInt(in.getShort(head + 1));
        place.requireAtMost("Bytes of an XBZRLE page", Wire.PAGE_BYTES, byteLength);
        int end = head + XBZRLE_HEAD_BYTES + byteLength;
        if (end > in.limit()) {
            return INCOMPLETE;
        }
        long offset = word & ~(long) Wire.FLAG_MASK;
        requirePage(offset, place);
        listener.encodedPage(lastBlock, offset, byteLength);
        return end;
    }

    private void requirePage(long offset, StreamPlace place) {
        if (lastBlock < 0 || offset < 0 || offset > lastPageOffsets[lastBlock]) {
            throw badPage(lastBlock, offset, place);
        }
    }

    private StreamPlace place(long position) {
        return new StreamPlace(position, section);
    }

    /**
     * Takes one page's record at {@code at}: where it ends, or {@link #INCOMPLETE}, or {@link #NO_PAGE}. A method of
     * its own, because the compiler takes one that is called for each page long before it takes the loop around it.
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

    /**
     * Makes the named block the last one. Returns the index after the name, or a negative number if the name is not
     * there wholly.
     */
    private int named(ByteBuffer in, int at, long origin) {
        if (!Wire.hasName(in, at)) {
            return Integer.MIN_VALUE;
        }
        int block = names.find(in, at, lastBlock);
        if (block == BlockNames.NO_BLOCK) {
            throw BlockNames.unknown(in, at, place(origin + at));
        }
        lastBlock = block;
        return at + 1 + Byte.toUnsignedInt(in.get(at));
    }

    private StreamFormatException badPage(int block, long offset, StreamPlace place) {
        if (block < 0) {
            return place.fail("A page continues the last RAM block, but none has been named yet.");
        }
        return place.fail(
                "Page offset outside RAM block '" + blocks.get(block).idstr() + "'",
                "at most 0x" + Long.toHexString(lastPageOffsets[block]),
                "0x" + Long.toHexString(offset));
    }

    /** The end record, or a flag that is not taken. */
    private static boolean other(ByteBuffer in, long word, StreamPlace place) {
        if (word == Wire.RAM_EOS) {
            in.position(in.position() + 8);
            return true;
        }
        int flags = (int) word & Wire.FLAG_MASK;
        throw switch (flags & ~Wire.RAM_CONTINUE) {
            case Wire.RAM_XBZRLE ->
                place.unsupported(
                        "An XBZRLE page, which is not taken here: turn the capability xbzrle off at" + " the source.");
            case Wire.RAM_MULTIFD_FLUSH -> multifd(place);
            case Wire.RAM_COMPRESS_PAGE ->
                place.unsupported(
                        "A compressed page of a QEMU before 9.1, which is not supported: turn the capability compress "
                                + "off.");
            case Wire.RAM_HOOK -> place.unsupported("An RDMA record; RDMA is not supported.");
            case Wire.RAM_MEM_SIZE -> place.fail("A block list outside the START of section 'ram'.");
            case Wire.RAM_FULL -> place.fail("The RAM flag 0x1 has been obsolete since 2009.");
            case Wire.RAM_EOS -> place.fail("End of section", "0x10", "0x" + Long.toHexString(word));
            default ->
                place.fail("Unknown combination of RAM flags", "0x2, 0x8 or 0x10", "0x" + Integer.toHexString(flags));
        };
    }

    static StreamFormatException multifd(StreamPlace place) {
        return place.unsupported("The source uses multifd, which is not taken here: turn the capability multifd off.");
    }
}
