// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.agreement;

/**
 * How a source learns whether the destination sends epochs back.
 *
 * <p>WIRE: with {@code postcopy-safe} on, the source sends the ordinary command PING with {@link #QUESTION}, after that
 * of the {@linkplain io.godwit.engine.agreement.TokenAnnouncement token}. Every destination answers PONG with the same
 * value. One that will send epochs back sends one more PONG, {@link #ANSWER}, just before that one. QEMU's destination
 * does not know it, so a source that hears no answer knows enough, and refuses.
 */
public final class SafetyAnnouncement {
    /** Value of the PING that asks. */
    public static final int QUESTION = 0x73616665;

    /** Value of the additional PONG that says yes. */
    public static final int ANSWER = 0x65706f63;

    private SafetyAnnouncement() {}
}
