// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines;

import io.godwit.machines.CuttingWire.Cut;
import java.nio.ByteBuffer;

/** Finds the answers in a return path, byte by byte. */
final class BackwardWatch {
    private static final int RECEIVED_BITMAP = 5;

    private final Cut cut;
    private final byte[] kept = new byte[1024];
    private int keptBytes;
    private long skip;
    private int seen;
    private long strikeAt = Long.MAX_VALUE;
    private long position;

    BackwardWatch(Cut cut) {
        this.cut = cut;
    }

    /** How many of these {@code n} bytes still pass. */
    int keep(byte[] chunk, int n) {
        long start = position + keptBytes;
        int at = 0;
        while (at < n) {
            if (skip > 0) {
                int now = (int) Math.min(skip, n - at);
                skip -= now;
                position += now;
                at += now;
            } else {
                kept[keptBytes++] = chunk[at++];
                long length = messageBytes();
                if (length >= 0) {
                    skip = length - keptBytes;
                    position += keptBytes;
                    keptBytes = 0;
                }
            }
        }
        return (int) Math.max(0, Math.min(n, strikeAt - start));
    }

    private long messageBytes() {
        if (keptBytes < 4) {
            return -1;
        }
        ByteBuffer in = ByteBuffer.wrap(kept, 0, keptBytes);
        int type = in.getShort(0);
        int framed = 4 + in.getShort(2);
        if (type == RECEIVED_BITMAP && keptBytes < framed + 8) {
            return -1;
        }
        if (cut instanceof Cut.AtAnswer(int wanted, int count, int later) && wanted == type && ++seen == count) {
            strikeAt = position + later;
        }
        // WIRE: the bitmap is not framed: u64 size, bytes, u64 end mark.
        return type == RECEIVED_BITMAP ? framed + 8 + in.getLong(framed) + 8 : framed;
    }
}
