// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.agreement;

import io.godwit.stream.Command;
import java.util.OptionalInt;

/**
 * What a Godwit may agree on with the other side of a migration, beyond QEMU's protocol.
 *
 * <p>WIRE: the source sends the ordinary command PING with {@link #question}. Every destination answers PONG with the
 * same value, as the protocol demands. A destination that agrees sends one more PONG, {@link #yes}, just before that
 * one, so that the source knows all when its question comes back. A QEMU does not know the question, and its source
 * never asks, so that nothing of this reaches a QEMU that could stumble over it.
 *
 * <p>The source's side is {@link SourceSide}, the destination's {@link DestinationSide}.
 */
public enum Extension {
    /**
     * The destination takes the token before it runs the guest, and finds it held by the source, as it must be. A
     * Godwit whose token is not the source's says no: so a source knows in either case that the other side is a Godwit,
     * which understands what QEMU does not. WIRE: a source that connects again shows its {@link IdentityMark} if this
     * was agreed.
     */
    TOKEN(0x676f6477, 0x746f6b6e, OptionalInt.of(0x6e6f746b)),

    /**
     * The destination sends epochs back while its memory arrives ({@code postcopy-safe}). WIRE: asked after {@link
     * #TOKEN}, without which it is never agreed.
     */
    SAFETY(0x73616665, 0x65706f63, OptionalInt.empty()),

    /**
     * The source leaves pages out. A Godwit destination counts pages and refuses a guest that lacks some, so it must
     * know how many were left out on purpose. WIRE: asked before the first page. At the end of precopy, before the END
     * section of RAM, the source sends PING {@link #HOLE_COUNT} and then a PING whose value is the number of pages that
     * never came. A QEMU counts no pages: it is asked for nothing and told nothing.
     */
    HOLES(0x686f6c65, 0x67617073, OptionalInt.empty()),

    /**
     * RAM blocks come and go while the guest migrates. WIRE: asked before the first page. From then on a PART section
     * of RAM may hold, instead of pages, the record MEM_SIZE with the block list as START has it: blocks that are not
     * in it any more are dropped, new ones are made, and those that stay keep what has come. Behind the packaged
     * command of postcopy the list stays. A list is never changed where this was not agreed.
     */
    PLUG(0x706c7567, 0x736c6f74, OptionalInt.empty()),
    /**
     * The secondary of COLO takes a connection beside the stream for requests, answers and heartbeats. WIRE: asked
     * before ENABLE_COLO, see {@link io.godwit.engine.checkpoint.CompareWire}.
     */
    COMPARE(0x636f6c6f, 0x636f6d70, OptionalInt.empty()),
    /** The secondary's guest stands still until it is needed. WIRE: asked after {@link #COMPARE}. */
    STANDSTILL(0x73746e64, 0x7374696c, OptionalInt.empty()),
    /**
     * The secondary keeps no second copy of RAM: with each {@code CHECKPOINT_REPLY} it says which pages its guest has
     * written, see {@link io.godwit.stream.WrittenPages}, and the primary sends these too. WIRE: asked of a
     * Godwit, before ENABLE_COLO.
     */
    WRITTEN(0x77726974, 0x74656e73, OptionalInt.empty());

    /** Value of the PING whose successor's value is the number of pages that are left out, see {@link #HOLES}. */
    public static final int HOLE_COUNT = 0x6c656674;

    private final int question;
    private final int yes;
    private final OptionalInt no;

    Extension(int question, int yes, OptionalInt no) {
        this.question = question;
        this.yes = yes;
        this.no = no;
    }

    /** Value of the PING that asks. */
    public int question() {
        return question;
    }

    /** The command that asks. */
    public Command ask() {
        return new Command.Ping(question);
    }

    /** Value of the additional PONG that says yes. */
    public int yes() {
        return yes;
    }

    /** Value of the additional PONG that says no; empty where saying nothing is the no. */
    public OptionalInt no() {
        return no;
    }

    /** Whether a PONG says no. */
    boolean isNo(int pong) {
        return no.isPresent() && no.getAsInt() == pong;
    }
}
