// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.stream;

import java.nio.ByteBuffer;

/**
 * What the two sides of COLO say to each other between and inside checkpoints, on the connection of the stream. WIRE:
 * bare u32 values without length or framing, forward from the primary, backward from the secondary. {@link
 * #VMSTATE_SEND} and {@link #VMSTATE_SIZE} are followed by content, see {@link ColoReader}.
 */
public enum ColoMessage {
    /** Secondary, once: the guest is here and runs. */
    CHECKPOINT_READY(0),
    /** Primary: stop, a checkpoint comes. */
    CHECKPOINT_REQUEST(1),
    /** Secondary: the guest stands still. */
    CHECKPOINT_REPLY(2),
    /** Primary: the memory follows, as sections of RAM and an end mark. */
    VMSTATE_SEND(3),
    /** Primary: the devices follow, as u64 length and so many bytes. */
    VMSTATE_SIZE(4),
    /** Secondary: the whole checkpoint is in its memory. */
    VMSTATE_RECEIVED(5),
    /** Secondary: the guest is what the checkpoint says, and runs. */
    VMSTATE_LOADED(6);

    /** Length on the wire. */
    public static final int BYTES = 4;

    private final int value;

    ColoMessage(int value) {
        this.value = value;
    }

    /** The u32 on the wire. */
    public int value() {
        return value;
    }

    /** Puts it. */
    public void encode(ByteBuffer out) {
        out.putInt(value());
    }

    /**
     * Takes the one that is due.
     *
     * @throws StreamFormatException if another one or none is there
     */
    static void require(ColoMessage due, ByteBuffer in, StreamPlace place) {
        int value = in.getInt();
        if (value != due.value) {
            throw place.fail("COLO message", named(due.value), named(value));
        }
    }

    /**
     * Takes one.
     *
     * @throws StreamFormatException if there is none with this value
     */
    public static ColoMessage take(ByteBuffer in, long position) {
        int value = in.getInt();
        for (ColoMessage message : values()) {
            if (message.value == value) {
                return message;
            }
        }
        throw new StreamPlace(position, "answers of the secondary").fail("COLO message", "0 to 6", named(value));
    }

    private static String named(int value) {
        for (ColoMessage message : values()) {
            if (message.value == value) {
                return message + " (" + value + ")";
            }
        }
        return "the unknown " + Integer.toUnsignedString(value);
    }
}
