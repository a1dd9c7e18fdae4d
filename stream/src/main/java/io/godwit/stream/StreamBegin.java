// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.stream;

import java.nio.ByteBuffer;
import java.util.List;

/**
 * Whether the first bytes of a connection are those of a migration: looks at as many as that takes, and takes none. For
 * who must tell a source from somebody else before he reads on.
 */
public enum StreamBegin {
    /** They are. */
    MATCHES,
    /** So far; more are needed. */
    UNCLEAR,
    /** They are not, whatever follows. */
    DIFFERS;

    /** LIMIT: bytes that are looked at: the longest command. */
    public static final int MAX_BYTES = 5 + Command.MAX_DATA_BYTES;

    /** The header of a stream: magic and version. */
    public static StreamBegin ofStream(ByteBuffer first) {
        long header = ((long) Wire.MAGIC << Integer.SIZE) | Wire.VERSION;
        int there = Math.min(first.remaining(), Long.BYTES);
        for (int i = 0; i < there; i++) {
            if (first.get(first.position() + i) != (byte) (header >>> ((Long.BYTES - 1 - i) * Byte.SIZE))) {
                return DIFFERS;
            }
        }
        return there == Long.BYTES ? MATCHES : UNCLEAR;
    }

    /** The first command of a stream that goes on over a new connection ({@link StreamReader#resume}). */
    public static StreamBegin ofResumedStream(ByteBuffer first) {
        int at = first.position();
        if (first.remaining() >= 1 && first.get(at) != Wire.COMMAND) {
            return DIFFERS;
        }
        if (first.remaining() < 5) {
            return UNCLEAR;
        }
        int id = Short.toUnsignedInt(first.getShort(at + 1));
        int length = Short.toUnsignedInt(first.getShort(at + 3));
        if (id < 1 || id > Wire.LAST_COMMAND || length > Command.MAX_DATA_BYTES) {
            return DIFFERS;
        }
        return first.remaining() < 5 + length ? UNCLEAR : MATCHES;
    }

    /** The first record of a preempt channel: a page of one of {@code blocks}, or the end. */
    public static StreamBegin ofPreemptChannel(ByteBuffer first, List<RamBlockEntry> blocks) {
        int at = first.position();
        if (first.remaining() < Long.BYTES) {
            return UNCLEAR;
        }
        long word = first.getLong(at);
        if (word == Wire.RAM_EOS) {
            return MATCHES;
        }
        int flags = (int) word & Wire.FLAG_MASK;
        if (flags != Wire.RAM_PAGE && flags != Wire.RAM_ZERO) {
            return DIFFERS;
        }
        if (!Wire.hasName(first, at + Long.BYTES)) {
            return UNCLEAR;
        }
        int block = new BlockNames(blocks).find(first, at + Long.BYTES, BlockNames.NO_BLOCK);
        long offset = word & ~(long) Wire.FLAG_MASK;
        return block != BlockNames.NO_BLOCK
                        && offset >= 0
                        && offset < blocks.get(block).usedLength()
                ? MATCHES
                : DIFFERS;
    }
}
