// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.agreement;

/**
 * How a source tells that RAM blocks have come and gone since the migration began, which QEMU's protocol does not know.
 *
 * <p>WIRE: before the first page the source sends the ordinary command PING with {@link #QUESTION}; a destination that
 * can follow sends one more PONG, {@link #ANSWER}, just before the ordinary one. From then on a PART section of RAM may
 * hold, instead of pages, the record MEM_SIZE with the block list as START has it: blocks that are not in it any more
 * are dropped, new ones are made, and those that stay keep what has come. Behind the packaged command of postcopy the
 * list stays. Whoever has not asked, or got no answer, keeps its list: a QEMU's is never changed.
 */
public final class PlugAnnouncement {
    /** Value of the PING that asks. */
    public static final int QUESTION = 0x706c7567;

    /** Value of the additional PONG that says yes. */
    public static final int ANSWER = 0x736c6f74;

    private PlugAnnouncement() {}
}
