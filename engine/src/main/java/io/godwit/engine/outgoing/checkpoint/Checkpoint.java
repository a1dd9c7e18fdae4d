// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing.checkpoint;

import io.godwit.engine.checkpoint.ColoProgress;
import io.godwit.engine.environment.MonotonicClock;
import io.godwit.engine.guest.DirtyTracker;
import io.godwit.engine.guest.GuestState;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.memory.RamBlocks;
import io.godwit.engine.outgoing.plan.OutgoingPlan;
import io.godwit.engine.outgoing.wire.OutgoingWire;
import io.godwit.engine.outgoing.wire.RamSender;
import io.godwit.engine.outgoing.wire.WireMeter;
import io.godwit.stream.ColoMessage;
import io.godwit.stream.Configuration;
import io.godwit.stream.DeviceSection;
import java.util.List;

/**
 * One checkpoint after the other, from the request to the secondary's last word. What the guest has written is sent
 * while it runs, pass after pass, and only the rest while it stands still. It goes on as soon as the secondary has all
 * of the checkpoint: what the secondary makes of it later is no concern of the guest's here, because the secondary
 * either finishes it or is lost. On {@code mig-outgoing}.
 */
final class Checkpoint {
    /** LIMIT: passes before the stop. */
    private static final int MAX_PASSES = 5;

    /** A rest of so many pages is sent in the time that another pass costs. */
    private static final long FEW_PAGES = 64;

    private final OutgoingPlan plan;
    private final Configuration configuration;
    private final RamBlocks.Snapshot ram;
    private final OutgoingWire wire;
    private final RamSender sender;
    private final WireMeter meter;
    private final Runnable sendDirty;
    private final Answers answers;
    private final HeldOutputs outputs;
    private final ColoProgress progress;
    private final MonotonicClock clock;
    private final boolean toGodwit;
    private boolean ran;

    /**
     * Made of {@code ram}, which stays as it is; {@code sendDirty} sends every page whose bit is set; {@code toGodwit}:
     * whether the secondary is one.
     */
    Checkpoint(
            OutgoingPlan plan,
            Configuration configuration,
            RamBlocks.Snapshot ram,
            OutgoingWire wire,
            RamSender sender,
            WireMeter meter,
            Runnable sendDirty,
            Answers answers,
            HeldOutputs outputs,
            ColoProgress progress,
            boolean toGodwit) {
        this.plan = plan;
        this.configuration = configuration;
        this.ram = ram;
        this.wire = wire;
        this.sender = sender;
        this.meter = meter;
        this.sendDirty = sendDirty;
        this.answers = answers;
        this.outputs = outputs;
        this.progress = progress;
        this.clock = plan.clock();
        this.toGodwit = toGodwit;
    }

    /**
     * Makes one.
     *
     * @param patienceNanos how long the secondary may take for each word
     * @return how long the guest stood still, in nanoseconds
     */
    long make(long patienceNanos) {
        wire.message(ColoMessage.CHECKPOINT_REQUEST);
        answers.await(ColoMessage.CHECKPOINT_REPLY, patienceNanos);
        long pagesBefore = meter.pages();
        long bytesBefore = meter.bytes();
        wire.message(ColoMessage.VMSTATE_SEND);
        sendWhileRunning();
        long begin = clock.nanoTime();
        ran = plan.run().copy().stopForCheckpoint();
        long stopped = clock.nanoTime();
        sendRest();
        long sent = clock.nanoTime();
        answers.await(ColoMessage.VMSTATE_RECEIVED, patienceNanos);
        plan.run().copy().goOnFromCheckpoint();
        plan.run().requireRight();
        long pauseNanos = clock.nanoTime() - begin;
        long waited = outputs.count();
        outputs.received();
        progress.paused(stopped - begin, sent - stopped, pauseNanos, waited);
        progress.checkpoint(meter.pages() - pagesBefore, meter.bytes() - bytesBefore);
        answers.await(ColoMessage.VMSTATE_LOADED, patienceNanos);
        return pauseNanos;
    }

    /** Whether the guest ran when it was stopped for the last one: so it does at the secondary. */
    boolean guestRan() {
        return ran;
    }

    /** Passes until another gains nothing. */
    private void sendWhileRunning() {
        sender.beginPasses();
        long before = Long.MAX_VALUE;
        for (int pass = 0; pass < MAX_PASSES; pass++) {
            harvest();
            long pages = ram.dirtyPageCount();
            if (pages <= FEW_PAGES || pages > before / 2) {
                return;
            }
            sendDirty.run();
            before = pages;
        }
    }

    private void sendRest() {
        harvest();
        sender.beginEnd();
        sendDirty.run();
        sender.endOfRam();
        List<DeviceSection> devices = GuestState.save(plan.guest(), ran);
        // ORDERING: before the last byte leaves, behind which the secondary may answer already.
        outputs.taken();
        wire.checkpointDevices(configuration, devices, toGodwit);
    }

    private void harvest() {
        DirtyTracker tracker = plan.guest().dirtyTracker();
        for (RamBlock block : ram.blocks()) {
            long _ = tracker.harvest(block);
        }
    }
}
