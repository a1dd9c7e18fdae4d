// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.agreement;

/**
 * How a source learns whether the destination asks the arbiter before it runs the guest.
 *
 * <p>WIRE: the source sends the ordinary command PING with {@link #QUESTION}. Every destination answers PONG with the
 * same value, as the protocol demands. A destination that takes the token before it runs the guest, and finds it held
 * by the source as it must be, sends one more PONG, {@link #ANSWER}, just before that one, so that the source knows all
 * when its question comes back. QEMU's destination does not know it, and QEMU's source never asks, so that nothing of
 * this reaches a QEMU that could stumble over it.
 */
public final class TokenAnnouncement {
    /** Value of the PING that asks. */
    public static final int QUESTION = 0x676f6477;

    /** Value of the additional PONG that says yes. */
    public static final int ANSWER = 0x746f6b6e;

    /**
     * Value of the additional PONG that says no: the destination is a Godwit, but its token is not the source's. So a
     * source knows in either case that the other side is a Godwit, which understands what QEMU does not.
     */
    public static final int OTHER_TOKEN = 0x6e6f746b;

    private TokenAnnouncement() {}
}
