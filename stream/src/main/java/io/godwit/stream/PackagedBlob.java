// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.stream;

import java.nio.ByteBuffer;
import java.util.Arrays;

/** The blob of a PACKAGED command as it arrives, piece by piece. */
final class PackagedBlob {
    private static final int FIRST_BYTES = 64 << 10;

    private byte[] bytes = new byte[0];
    private int byteLength;
    private int filled;

    /** A blob of this length, which was checked, comes next. */
    void begin(int announcedBytes) {
        byteLength = announcedBytes;
        filled = 0;
        bytes = new byte[Math.min(announcedBytes, FIRST_BYTES)];
    }

    /** Takes what there is of it. */
    void take(ByteBuffer in) {
        int taken = Math.min(in.remaining(), byteLength - filled);
        if (filled + taken > bytes.length) {
            // Grown by what has arrived, not by what was announced.
            bytes = Arrays.copyOf(bytes, (int) Math.min(byteLength, Math.max(bytes.length * 2L, filled + taken)));
        }
        in.get(bytes, filled, taken);
        filled += taken;
    }

    boolean isWhole() {
        return filled == byteLength;
    }

    /** The whole blob; it is kept here no longer. */
    Bytes end() {
        Bytes whole = Bytes.copyOf(bytes);
        bytes = new byte[0];
        return whole;
    }
}
