// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.agreement;

/**
 * How a source may leave pages out: a Godwit destination counts the pages and refuses a guest that lacks some, so it
 * must know how many were left out on purpose.
 *
 * <p>WIRE: before the first page the source sends the ordinary command PING with {@link #QUESTION}; a destination that
 * takes a guest with holes sends one more PONG, {@link #ANSWER}, just before the ordinary one. At the end of precopy,
 * before the END section of RAM, the source sends PING {@link #COUNT} and then a PING whose value is the number of
 * pages that never came. A QEMU counts no pages: it is asked for nothing and told nothing.
 */
public final class HolesAnnouncement {
    /** Value of the PING that asks. */
    public static final int QUESTION = 0x686f6c65;

    /** Value of the additional PONG that says yes. */
    public static final int ANSWER = 0x67617073;

    /** Value of the PING whose successor's value is the number of pages that are left out. */
    public static final int COUNT = 0x6c656674;

    private HolesAnnouncement() {}
}
