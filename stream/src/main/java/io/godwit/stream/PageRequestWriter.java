// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.stream;

import java.nio.ByteBuffer;
import java.util.List;

/**
 * Puts requests for pages on the return path: REQ_PAGES_ID where the block changes, REQ_PAGES elsewhere. Allocates
 * nothing. One thread at a time, and the requests must leave in the order in which they were put, because the short
 * form means the block that was named last.
 */
public final class PageRequestWriter {
    /** The longest request. */
    public static final int MAX_REQUEST_BYTES = 4 + 8 + 4 + 1 + Wire.NAME_BYTES;

    private static final short NAMED = 3;
    private static final short UNNAMED = 4;
    private static final int UNNAMED_BYTES = 8 + 4;

    private final BlockNames names;
    private int lastBlock = BlockNames.NO_BLOCK;

    /** Requests for pages of these blocks; {@code blockIndex} below is an index into the list. */
    public PageRequestWriter(List<RamBlockEntry> blocks) {
        names = new BlockNames(blocks);
    }

    /** The next request names its block, as a new connection's first one must. */
    public void forgetBlock() {
        lastBlock = BlockNames.NO_BLOCK;
    }

    /**
     * Puts one request.
     *
     * @param offset bytes from the block's start, a multiple of the block's page size
     * @param byteLength a multiple of the block's page size; QEMU asks for one page
     * @return bytes put: 16, or 17 and the block's name
     */
    public int request(ByteBuffer out, int blockIndex, long offset, int byteLength) {
        if (blockIndex == lastBlock) {
            out.putShort(UNNAMED)
                    .putShort((short) UNNAMED_BYTES)
                    .putLong(offset)
                    .putInt(byteLength);
            return 4 + UNNAMED_BYTES;
        }
        byte[] name = names.of(blockIndex);
        int dataBytes = UNNAMED_BYTES + 1 + name.length;
        out.putShort(NAMED).putShort((short) dataBytes).putLong(offset).putInt(byteLength);
        out.put((byte) name.length).put(name);
        lastBlock = blockIndex;
        return 4 + dataBytes;
    }
}
