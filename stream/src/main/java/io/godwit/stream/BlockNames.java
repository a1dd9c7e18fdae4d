// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.stream;

import java.nio.ByteBuffer;
import java.util.List;

/** Names of RAM blocks as bytes, so that a record's name can be looked up without making a string. */
final class BlockNames {
    static final int NO_BLOCK = -1;

    private final byte[][] names;

    BlockNames(List<RamBlockEntry> blocks) {
        names = blocks.stream().map(block -> Wire.nameBytes(block.idstr())).toArray(byte[][]::new);
    }

    /** The name as the stream carries it, without its length byte. Not to be changed. */
    byte[] of(int blockIndex) {
        return names[blockIndex];
    }

    /**
     * Index of the block whose name, with its length byte, stands at {@code at}; the caller has checked that it is
     * there wholly.
     *
     * @param likely the block that is looked at first, or {@link #NO_BLOCK}
     * @return {@link #NO_BLOCK} if there is none of that name
     */
    int find(ByteBuffer in, int at, int likely) {
        int length = Byte.toUnsignedInt(in.get(at));
        int count = names.length;
        int first = Math.max(likely, 0);
        for (int i = 0; i < count; i++) {
            int block = first + i < count ? first + i : first + i - count;
            if (matches(in, at + 1, length, names[block])) {
                return block;
            }
        }
        return NO_BLOCK;
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

    /** What to throw for a name that {@link #find} has not found. */
    static StreamFormatException unknown(ByteBuffer in, int at, StreamPlace place) {
        String name = Wire.takeName(in.duplicate().position(at), place, "The RAM block's name");
        return place.fail("Unknown RAM block '" + name + "', which is not in the block list.");
    }
}
