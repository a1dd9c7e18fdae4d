// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.incoming.wire;

import io.godwit.engine.agreement.HolesAnnouncement;
import io.godwit.engine.agreement.IdentityMark;
import io.godwit.engine.agreement.PlugAnnouncement;
import io.godwit.engine.agreement.SafetyAnnouncement;
import io.godwit.engine.agreement.TokenAnnouncement;
import io.godwit.engine.checkpoint.CheckpointTaker;
import io.godwit.engine.incoming.plan.IncomingPlan;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.stream.Command;
import io.godwit.stream.ReturnPathMessage;
import java.util.Optional;

/**
 * What the two sides have agreed on beyond QEMU's protocol, by PINGs with values of our own: whether the source is a
 * Godwit, whether both look at the same token, how it shows whose source it is when it connects again, and whether it
 * can get epochs back. A QEMU asks for nothing.
 *
 * <p>Threads: the one that reads the main channel; {@link #safety} any.
 */
public final class SourceAgreement implements AutoCloseable {
    private final IncomingPlan plan;
    private boolean godwit;
    private boolean tokenShared;
    private boolean identityArrived;
    private boolean markDue;
    private boolean holesAgreed;
    private boolean plugAgreed;
    private boolean holeCountDue;
    private long holes;
    private volatile Optional<CheckpointTaker> safety = Optional.empty();

    public SourceAgreement(IncomingPlan plan) {
        this.plan = plan;
    }

    /** Whether the source has named its guest. */
    public void identityArrived(boolean arrived) {
        identityArrived = arrived;
    }

    /** Answers a PING. */
    public void answer(int value, ReturnPathOut returnPath) {
        if (holeCountDue) {
            // A number, whatever else that value may mean.
            holes = Integer.toUnsignedLong(value);
            holeCountDue = false;
        } else {
            hear(value, returnPath);
        }
        returnPath.send(new ReturnPathMessage.Pong(value));
    }

    private void hear(int value, ReturnPathOut returnPath) {
        if (value == TokenAnnouncement.QUESTION) {
            godwit = true;
            // A token that is not the source's too is none: without the guest's name, or with another arbiter.
            tokenShared = identityArrived && plan.run().sharesTokenWithSource();
            returnPath.send(
                    new ReturnPathMessage.Pong(tokenShared ? TokenAnnouncement.ANSWER : TokenAnnouncement.OTHER_TOKEN));
        }
        if (value == SafetyAnnouncement.QUESTION && prepareSafety()) {
            returnPath.send(new ReturnPathMessage.Pong(SafetyAnnouncement.ANSWER));
        }
        if (value == HolesAnnouncement.QUESTION) {
            holesAgreed = true;
            returnPath.send(new ReturnPathMessage.Pong(HolesAnnouncement.ANSWER));
        }
        if (value == PlugAnnouncement.QUESTION && plan.guest().ramPlug().isPresent()) {
            plugAgreed = true;
            returnPath.send(new ReturnPathMessage.Pong(PlugAnnouncement.ANSWER));
        }
        holeCountDue = holesAgreed && value == HolesAnnouncement.COUNT;
    }

    /** Whether the source may say that its list of blocks has changed. */
    public boolean followsRam() {
        return plugAgreed;
    }

    /** How many pages the source leaves out of a precopy, because they are of no worth. */
    public long holes() {
        return holes;
    }

    /** Whether the source can get epochs back, should postcopy begin. */
    private boolean prepareSafety() {
        boolean possible = plan.postcopy()
                && tokenShared
                && plan.guest().outputs().isPresent()
                && plan.guest().dirtyTracker().worksWhileArriving();
        if (possible && safety.isEmpty()) {
            CheckpointTaker.Settings settings = new CheckpointTaker.Settings(Long.MAX_VALUE, plan.patience());
            safety = Optional.of(new CheckpointTaker(plan.guest(), plan.run(), settings, plan.clock()));
        }
        return possible;
    }

    /** Whether the source is a Godwit, which knows that every page must come. */
    public boolean isGodwit() {
        return godwit;
    }

    /** What sends epochs back, if that was agreed. */
    public Optional<CheckpointTaker> safety() {
        return safety;
    }

    /** A new connection begins. */
    public void reconnected() {
        markDue = tokenShared;
    }

    /**
     * The first thing on a new connection must show that it is the same guest's source, where that was agreed.
     *
     * @throws MigrationException.Protocol if it is another's
     */
    public void refuseWithoutMark(Command command) {
        if (!markDue) {
            return;
        }
        int mark = IdentityMark.of(plan.guest().identity());
        if (!(command instanceof Command.Ping(int value)) || value != mark) {
            throw new MigrationException.Protocol("the source that connected is not the one of guest "
                    + plan.guest().identity() + ", which waits for its memory here");
        }
        markDue = false;
    }

    @Override
    public void close() {
        safety.ifPresent(CheckpointTaker::close);
    }
}
