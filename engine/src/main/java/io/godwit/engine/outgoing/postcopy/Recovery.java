// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing.postcopy;

import io.godwit.engine.agreement.IdentityMark;
import io.godwit.engine.memory.PageBitmap;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.outgoing.plan.OutgoingPlan;
import io.godwit.engine.outgoing.wire.OutgoingWire;
import io.godwit.engine.outgoing.wire.ReturnPath;
import io.godwit.stream.Bytes;
import io.godwit.stream.Command;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

/**
 * What both sides say on a new connection before postcopy goes on: the destination tells what it has received, and what
 * it has not is owed again. Nothing of ours changes before all its answers have been checked. WIRE 9.4.
 */
final class Recovery {
    private final OutgoingPlan plan;
    private final OwedPages pages;
    private final OutgoingWire wire;
    private final ReturnPath returnPath;

    Recovery(OutgoingPlan plan, OwedPages pages, OutgoingWire wire, ReturnPath returnPath) {
        this.plan = plan;
        this.pages = pages;
        this.wire = wire;
        this.returnPath = returnPath;
    }

    /** Shows a Godwit whose memory this is; one that waits for another guest breaks off. */
    void showIdentity() {
        int mark = IdentityMark.of(plan.guest().identity());
        wire.command(new Command.Ping(mark));
        returnPath.awaitPong(mark, patienceNanos());
    }

    /**
     * Asks what the destination has, and makes the rest owed.
     *
     * @throws MigrationException.Protocol if it claims pages that were never sent: it is not the memory of this guest
     */
    void agreeOnPages() {
        List<ByteBuffer> received = new ArrayList<>();
        for (int i = 0; i < pages.blockCount(); i++) {
            RamBlock block = pages.block(i);
            returnPath.expectBitmap(block.idstr());
            wire.command(new Command.ReceivedBitmap(block.idstr()));
            Bytes bitmap = returnPath.awaitBitmap(patienceNanos());
            received.add(bitmap.toBuffer().order(ByteOrder.LITTLE_ENDIAN));
            refuseImpossible(block, received.getLast());
        }
        for (int i = 0; i < pages.blockCount(); i++) {
            PageBitmap dirty = pages.block(i).dirtyBitmap();
            for (int word = 0; word < dirty.wordCount(); word++) {
                dirty.assign(word, ~received.get(i).getLong(word * Long.BYTES));
            }
        }
        pages.widen();
    }

    /** The destination goes on, and asks again for what it waits for. */
    void resume() {
        returnPath.expectResumeAck();
        wire.command(new Command.PostcopyResume());
        returnPath.awaitResumeAck(patienceNanos());
    }

    private static void refuseImpossible(RamBlock block, ByteBuffer received) {
        PageBitmap dirty = block.dirtyBitmap();
        for (int word = 0; word < dirty.wordCount(); word++) {
            long impossible = dirty.peek(word) & received.getLong(word * Long.BYTES);
            if (impossible != 0) {
                throw new MigrationException.Protocol("the destination claims to have page "
                        + (((long) word << 6) + Long.numberOfTrailingZeros(impossible)) + " of RAM block '"
                        + block.idstr() + "', which was never sent: is it the destination of another guest?");
            }
        }
    }

    private long patienceNanos() {
        return plan.parameters().get().connectTimeoutMillis() * 1_000_000;
    }
}
