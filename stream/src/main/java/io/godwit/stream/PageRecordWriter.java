// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.stream;

import java.nio.ByteBuffer;
import java.util.List;

/** Puts page records of one channel: a block is named when it changes. Allocates nothing. One thread at a time. */
public final class PageRecordWriter {
    /** The longest record header, and at the same time a bound of a whole zero record. */
    public static final int MAX_HEADER_BYTES = 8 + 1 + Wire.NAME_BYTES + 1;

    private final BlockNames names;
    private int lastBlock = -1;

    /** Pages of these blocks; {@code blockIndex} below is an index into the list. */
    public PageRecordWriter(List<RamBlockEntry> blocks) {
        names = new BlockNames(blocks);
    }

    /** The next record names its block, as a new channel's first one must. */
    public void forgetBlock() {
        lastBlock = -1;
    }

    /**
     * Puts what stands before 4096 bytes of content.
     *
     * @param offset bytes from the block's start, a multiple of 4096
     * @return bytes put: 8, or 9 and the block's name
     */
    public int pageHeader(ByteBuffer out, int blockIndex, long offset) {
        return header(out, blockIndex, offset, Wire.RAM_PAGE);
    }

    /**
     * Puts a page of zeros.
     *
     * @return bytes put: 9, or 10 and the block's name
     */
    public int zeroPage(ByteBuffer out, int blockIndex, long offset) {
        int length = header(out, blockIndex, offset, Wire.RAM_ZERO);
        out.put((byte) 0);
        return length + 1;
    }

    private int header(ByteBuffer out, int blockIndex, long offset, int flag) {
        if (blockIndex == lastBlock) {
            out.putLong(offset | flag | Wire.RAM_CONTINUE);
            return 8;
        }
        byte[] name = names.of(blockIndex);
        out.putLong(offset | flag);
        out.put((byte) name.length).put(name);
        lastBlock = blockIndex;
        return 9 + name.length;
    }
}
