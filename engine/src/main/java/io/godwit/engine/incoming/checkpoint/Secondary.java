// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.incoming.checkpoint;

import io.godwit.engine.agreement.DestinationSide;
import io.godwit.engine.agreement.Extension;
import io.godwit.engine.checkpoint.ColoProgress;
import io.godwit.engine.checkpoint.RamCache;
import io.godwit.engine.checkpoint.RamStage;
import io.godwit.engine.checkpoint.SecondaryRam;
import io.godwit.engine.environment.MonotonicClock;
import io.godwit.engine.guest.Arrival;
import io.godwit.engine.guest.Guest;
import io.godwit.engine.guest.GuestCopy;
import io.godwit.engine.guest.GuestState;
import io.godwit.engine.guest.Outputs;
import io.godwit.engine.guest.Traffic;
import io.godwit.engine.incoming.plan.IncomingPlan;
import io.godwit.engine.incoming.wire.IncomingLink;
import io.godwit.engine.incoming.wire.SourceStream;
import io.godwit.engine.memory.PagePlace;
import io.godwit.engine.memory.PrecopyPlace;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.memory.RamBlocks;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.report.ColoExitReason;
import io.godwit.engine.report.ColoMode;
import io.godwit.engine.report.FlushStatistics;
import io.godwit.engine.report.MigrationListener;
import io.godwit.stream.Bytes;
import io.godwit.stream.ColoDevices;
import io.godwit.stream.ColoListener;
import io.godwit.stream.ColoMessage;
import io.godwit.stream.RamBlockEntry;
import io.godwit.stream.StreamFormatException;
import io.godwit.stream.StreamLimits;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/**
 * The secondary's part of COLO, from the end of the stream to the loss of one side. The guest runs here without the
 * token: nothing that it says leaves. Each checkpoint makes it what the primary's is. When the primary is lost the
 * guest goes on from where it is, or from the checkpoint that has come whole.
 *
 * <p>It goes on as the guest that counts only with the token, and only if the token's record says that this protection
 * is in force still: a primary that went on alone has taken that back, whatever became of it later.
 *
 * <p>Threads: {@code mig-incoming}.
 */
public final class Secondary implements ColoListener, AutoCloseable {
    /** LIMIT: how late it is seen that the token has become free. */
    private static final long LATER_NANOS = 50_000_000;

    private static final long SOON_NANOS = 5_000_000;
    private static final int SOON_LOOKS = 100;

    private final IncomingPlan plan;
    private final Arrival guest;
    private final SourceStream stream;
    private final SecondaryControl control;
    private final ColoProgress progress;
    private final MonotonicClock clock;
    private final CompareSecondary comparing;
    private final boolean sharesToken;
    private final boolean standsStill;
    private final boolean tellsWritten;
    private Optional<SecondaryRam> memory = Optional.empty();
    private Optional<PagePlace> checkpointPlace = Optional.empty();
    private boolean begun;
    private boolean runs;
    /** From the begin of a flush until the devices are loaded the guest is neither what it was nor what it will be. */
    private boolean broken;

    private long stoppedNanos;
    private long lostNanos;
    private volatile long checkpoints;

    /**
     * The source has said that checkpoints will follow; nothing of the guest has come. From here on the primary may
     * open the connection for comparing.
     */
    public Secondary(
            IncomingPlan plan,
            DestinationSide agreement,
            SourceStream stream,
            IncomingLink link,
            SecondaryControl control,
            ColoProgress progress) {
        boolean compares = agreement.agreed(Extension.COMPARE);
        this.plan = plan;
        this.guest = plan.guest();
        this.stream = stream;
        this.control = control;
        this.progress = progress;
        this.clock = plan.clock();
        this.standsStill = agreement.agreed(Extension.STANDSTILL);
        this.tellsWritten = agreement.agreed(Extension.WRITTEN);
        this.sharesToken = compares && agreement.agreed(Extension.TOKEN);
        this.comparing = new CompareSecondary(plan, link, compares, () -> checkpoints);
    }

    /** From here on the primary may open the connection for comparing. */
    public void prepare() {
        progress.prepare();
        comparing.start();
    }

    /**
     * The guest's blocks are known.
     *
     * @return where their pages go until the guest has arrived
     * @throws MigrationException.Refused if a second copy of RAM is needed and there is not enough memory for it
     */
    public PrecopyPlace placeOf(List<RamBlockEntry> blocks) {
        RamBlocks.Snapshot listed = guest.ram()
                .snapshot()
                .inOrder(blocks.stream().map(RamBlockEntry::idstr).toList());
        SecondaryRam made = memoryOf(listed);
        memory = Optional.of(made);
        checkpointPlace = Optional.of(made.place(listed));
        return new MirroredPlace(plan.places().open(blocks), made.mirror(listed));
    }

    /** Nobody writes to a guest that is kept as bytes; of any other the primary must be told what it has written. */
    private SecondaryRam memoryOf(RamBlocks.Snapshot listed) {
        return tellsWritten || guest.guest().isEmpty()
                ? RamStage.of(listed, plan.environment(), 0)
                : RamCache.of(listed, plan.environment(), RamCache.Settings.DEFAULT);
    }

    /**
     * The devices are loaded: the guest begins to run as the secondary, and the primary is told.
     *
     * @param ran whether it ran at the primary
     */
    public void begin(boolean ran) {
        runs = ran;
        memory.orElseThrow().startTracking(guest.dirtyTracker());
        guest.guest().flatMap(Guest::outputs).ifPresent(Outputs::hold);
        progress.began(ColoMode.SECONDARY, sharesToken, () -> 0);
        control.standsBy("the guest is here as the secondary");
        begun = true;
        plan.run().copy().standBy(mayRun());
    }

    /** A guest that is only kept as bytes stands still, as one that is not needed before a failover. */
    private boolean mayRun() {
        return runs && !standsStill && guest.guest().isPresent();
    }

    /** Takes checkpoints until one side is lost; then this guest is the one that counts, or it never will be. */
    public void conduct() {
        try {
            stream.send(ColoMessage.CHECKPOINT_READY);
            stream.receiveCheckpoints(this, checkpointPlace.orElseThrow());
        } catch (RuntimeException | Error e) {
            if (!mayTakeOver(e)) {
                throw e;
            }
            takeOverOrThrow(e);
        }
    }

    @Override
    public void checkpointRequested() {
        stoppedNanos = clock.nanoTime();
        boolean _ = plan.run().copy().stopForCheckpoint();
        if (tellsWritten && memory.orElseThrow() instanceof RamStage stage) {
            stream.reply(stage.takeWritten(), stage::written);
        } else {
            stream.send(ColoMessage.CHECKPOINT_REPLY);
        }
    }

    @Override
    public void memoryEnded() {
        // The devices of the same moment come next.
    }

    @Override
    @SuppressWarnings("NonAtomicVolatileUpdate") // one writer
    public void devicesArrived(Bytes deviceBytes) {
        ColoDevices devices = decode(deviceBytes);
        memory.orElseThrow().requireWhole();
        Optional<RuntimeException> unheard = sayReceived();
        broken = true;
        FlushStatistics flush = memory.orElseThrow().flush();
        runs = load(devices);
        broken = false;
        checkpoints++;
        progress.checkpoint(flush.pages(), flush.pages() * RamBlock.PAGE_BYTES + deviceBytes.byteLength());
        plan.run().copy().standBy(mayRun());
        progress.loaded(flush, clock.nanoTime() - stoppedNanos);
        if (unheard.isPresent()) {
            throw unheard.get();
        }
        stream.send(ColoMessage.VMSTATE_LOADED);
    }

    private static ColoDevices decode(Bytes deviceBytes) {
        try {
            return ColoDevices.decode(deviceBytes, StreamLimits.DEFAULT);
        } catch (StreamFormatException e) {
            throw new MigrationException.Protocol(String.valueOf(e.getMessage()), e);
        }
    }

    /**
     * From here on the checkpoint counts: the primary may have heard it, and may have let outputs go, even if this side
     * sees an error.
     */
    private Optional<RuntimeException> sayReceived() {
        try {
            stream.send(ColoMessage.VMSTATE_RECEIVED);
            return Optional.empty();
        } catch (MigrationException.Transport e) {
            return Optional.of(e);
        }
    }

    private boolean load(ColoDevices devices) {
        if (devices.devices().isPresent()) {
            return GuestState.load(guest, devices.devices().get());
        }
        guest.acceptOpaqueDevices(devices.deviceBytes());
        return true;
    }

    /**
     * Protection is over: whether it is the primary that is lost. If what came was no checkpoint, or could not be
     * loaded, the primary lives, and hears that this side is lost.
     */
    private boolean mayTakeOver(Throwable cause) {
        progress.failingOver();
        lostNanos = clock.nanoTime();
        comparing.close();
        boolean primaryLost = cause instanceof MigrationException.Transport || control.isPrimaryGivenUp();
        if (broken || !primaryLost) {
            ended(ColoExitReason.ERROR, 0);
            giveUp();
            return false;
        }
        return true;
    }

    private void takeOverOrThrow(Throwable cause) {
        switch (win(cause)) {
            case GuestCopy.StandbyEnd.Won _ -> {
                boolean asked = control.isPrimaryGivenUp();
                ended(asked ? ColoExitReason.REQUEST : ColoExitReason.ERROR, clock.nanoTime() - lostNanos);
                control.completed("the guest goes on here, " + MigrationException.sentence(cause));
            }
            case GuestCopy.StandbyEnd.Lost(String why, boolean _) -> {
                ended(ColoExitReason.ERROR, 0);
                giveUp();
                throw new MigrationException.RightToRun("the primary was lost (" + MigrationException.sentence(cause)
                        + "), and the guest does not go on here: " + why);
            }
        }
    }

    private void ended(ColoExitReason reason, long nanos) {
        progress.ended(reason, nanos);
        MigrationListener.tell(plan.listeners(), l -> l.protectionEnded(ColoMode.SECONDARY, reason));
    }

    /** Waits for the token as long as it may become free for this side. */
    private GuestCopy.StandbyEnd win(Throwable cause) {
        boolean told = false;
        int looks = 0;
        while (true) {
            if (control.isEnding()) {
                return new GuestCopy.StandbyEnd.Lost("this side is ending", true);
            }
            GuestCopy.StandbyEnd end = tryToWin();
            if (!(end instanceof GuestCopy.StandbyEnd.Lost(String why, boolean forGood)) || forGood) {
                return end;
            }
            if (!told) {
                told = true;
                control.waiting("The primary of " + plan.uri() + " is lost (" + MigrationException.sentence(cause)
                        + "), but " + why + ". The guest stands still here and goes on when that changes"
                        + (sharesToken
                                ? "; the token of a host that is dead becomes free when its lease ends."
                                : "; if the primary is dead for certain, say x-colo-lost-heartbeat."));
            }
            // A process that has just died frees its token in a moment, a lease later.
            plan.environment().pause(looks++ < SOON_LOOKS ? SOON_NANOS : LATER_NANOS);
        }
    }

    private GuestCopy.StandbyEnd tryToWin() {
        boolean asGuest = runs && guest.guest().isPresent();
        if (sharesToken) {
            Optional<UUID> protection = comparing.protection();
            return protection.isEmpty()
                    ? new GuestCopy.StandbyEnd.Lost("it never told under which protection this guest stands by", true)
                    : plan.run().copy().endStandby(protection, asGuest, this::takeOver);
        }
        if (control.isPrimaryGivenUp()) {
            // Somebody's word holds now, and not for whatever becomes free later.
            return plan.run().copy().endStandby(Optional.empty(), asGuest, this::takeOver)
                            instanceof GuestCopy.StandbyEnd.Lost(String why, boolean _)
                    ? new GuestCopy.StandbyEnd.Lost(why, true)
                    : new GuestCopy.StandbyEnd.Won();
        }
        boolean _ = plan.run().copy().stopForCheckpoint();
        return new GuestCopy.StandbyEnd.Lost(
                "it shares no token with this host, so nobody here can know whether it lives", false);
    }

    /** With the token won, guest standing still. */
    private void takeOver() {
        // Its tracker is free again: the next secondary's.
        memory.ifPresent(SecondaryRam::close);
        guest.guest().flatMap(Guest::outputs).ifPresent(Outputs::drop);
        guest.guest().flatMap(Guest::traffic).ifPresent(Traffic::takeOver);
    }

    private void giveUp() {
        plan.run().copy().standbyFailed();
    }

    @Override
    public void close() {
        try {
            comparing.close();
            if (begun) {
                // Harmless where it has won.
                giveUp();
            }
        } finally {
            memory.ifPresent(SecondaryRam::close);
        }
    }
}
