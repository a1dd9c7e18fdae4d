// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.checkpoint;

import java.nio.ByteBuffer;
import java.util.UUID;

/**
 * The connection beside the stream on which the two sides of COLO tell each other what goes into the guest and what
 * comes out, and that they live. WIRE, big-endian: the primary begins with {@link Greeting}; then frames in both
 * directions: u8 type, u64 generation, u64 number, u32 length, so many bytes. A generation is the number of checkpoints
 * that came before: what a guest said before one is nothing to what the other says after it. docs/protocol.md.
 */
public final class CompareWire {
    /** "GWCO". */
    static final int MAGIC = 0x4757434f;

    /** LIMIT: the longest request or answer. */
    public static final int MAX_CONTENT_BYTES = 64 << 10;

    static final int HEAD_BYTES = 1 + 8 + 8 + 4;

    static final byte BEAT = 0;
    static final byte REQUEST = 1;
    static final byte ANSWER = 2;

    private CompareWire() {}

    /**
     * Whether these are the first bytes of such a connection.
     *
     * @param received at least four bytes, as they came
     */
    public static boolean isGreeting(ByteBuffer received) {
        return received.remaining() >= Integer.BYTES && received.getInt(received.position()) == MAGIC;
    }

    /**
     * What the primary says first.
     *
     * @param guest whose primary it is
     * @param protection which protection this is: the name under which a secondary may take the guest over
     * @param timeoutMillis how long either side may be silent
     */
    public record Greeting(UUID guest, UUID protection, int timeoutMillis) {
        static final int BYTES = 4 + 16 + 16 + 4;

        void encode(ByteBuffer out) {
            out.putInt(MAGIC)
                    .putLong(guest.getMostSignificantBits())
                    .putLong(guest.getLeastSignificantBits())
                    .putLong(protection.getMostSignificantBits())
                    .putLong(protection.getLeastSignificantBits())
                    .putInt(timeoutMillis);
        }

        static Greeting decode(ByteBuffer in) {
            int _ = in.getInt();
            return new Greeting(
                    new UUID(in.getLong(), in.getLong()), new UUID(in.getLong(), in.getLong()), in.getInt());
        }
    }

    static void encodeHead(ByteBuffer out, byte type, long generation, long number, int length) {
        out.put(type).putLong(generation).putLong(number).putInt(length);
    }
}
