// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store.snapshots;

import io.godwit.store.pages.PlaceNumber;
import java.nio.ByteBuffer;

/** 512 pages of a block in the page table: how their values are packed. */
final class TableGroup {
    /** Pages of a group. */
    static final int PAGES = 512;

    static final int RUN_BYTES = 10;

    /** The longest form. */
    static final int MAX_BYTES = PAGES * Long.BYTES;

    private TableGroup() {}

    /** Groups of a block. */
    static long countFor(long pageCount) {
        return (pageCount + PAGES - 1) / PAGES;
    }

    /** Whether all are the same and cost nothing. */
    static boolean isUniform(long[] values, int count) {
        for (int i = 0; i < count; i++) {
            if (values[i] != values[0] || PlaceNumber.isStored(values[i])) {
                return false;
            }
        }
        return true;
    }

    /** Packs values: runs, or the values themselves if runs are not shorter. Returns the bytes put. */
    static int encode(long[] values, int count, byte[] into) {
        ByteBuffer out = ByteBuffer.wrap(into);
        int plainBytes = count * Long.BYTES;
        int at = 0;
        while (at < count) {
            int end = at + 1;
            long step = PlaceNumber.isStored(values[at]) ? 1 : 0;
            while (end < count && values[end] == values[at] + step * (end - at)) {
                end++;
            }
            if (out.position() + RUN_BYTES >= plainBytes) {
                return encodePlain(values, count, out.clear());
            }
            out.putShort((short) (end - at)).putLong(values[at]);
            at = end;
        }
        return out.position();
    }

    private static int encodePlain(long[] values, int count, ByteBuffer out) {
        for (int i = 0; i < count; i++) {
            out.putLong(values[i]);
        }
        return count * Long.BYTES;
    }

    /** Unpacks what {@link #encode} has put; false if that cannot be. */
    static boolean decode(byte[] from, int byteLength, long[] values, int count) {
        ByteBuffer in = ByteBuffer.wrap(from, 0, byteLength);
        int at = 0;
        if (byteLength == count * Long.BYTES) {
            while (at < count) {
                values[at++] = in.getLong();
            }
        } else {
            while (in.remaining() >= RUN_BYTES) {
                int run = Short.toUnsignedInt(in.getShort());
                long first = in.getLong();
                if (run == 0 || run > count - at) {
                    return false;
                }
                long step = PlaceNumber.isStored(first) ? 1 : 0;
                for (int i = 0; i < run; i++) {
                    values[at++] = first + step * i;
                }
            }
        }
        return at == count && !in.hasRemaining() && areValid(values, count);
    }

    private static boolean areValid(long[] values, int count) {
        for (int i = 0; i < count; i++) {
            if (!PlaceNumber.isValid(values[i])) {
                return false;
            }
        }
        return true;
    }
}
