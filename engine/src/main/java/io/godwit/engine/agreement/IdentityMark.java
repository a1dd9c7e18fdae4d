// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.agreement;

import java.util.UUID;

/**
 * How a source that connects again shows whose memory it has.
 *
 * <p>WIRE: a connection that resumes postcopy carries no configuration, so nothing in QEMU's format keeps a source from
 * going on with another guest's destination. A source whose destination takes the token (see {@link Extension#TOKEN})
 * therefore sends, as the first thing on the new connection, the ordinary command PING with {@link #of}. The
 * destination compares: if the value is that of its own guest it answers PONG as always, else it breaks off and stays
 * paused. Without the token's announcement nothing of this is sent.
 */
public final class IdentityMark {
    /** Marks have this in their upper four bits, which no other PING of ours has. */
    private static final int UPPER_BITS = 0x50000000;

    private IdentityMark() {}

    /** The mark of one guest: the same on every host, another for nearly every other guest. */
    public static int of(UUID guest) {
        long mixed = (guest.getMostSignificantBits() ^ Long.rotateLeft(guest.getLeastSignificantBits(), 29))
                * 0x9fb21c651e98df25L;
        return (int) (mixed >>> 36) | UPPER_BITS;
    }
}
