// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.incoming.checkpoint;

import io.godwit.engine.checkpoint.ColoProgress;
import io.godwit.engine.checkpoint.RamCache;
import io.godwit.engine.environment.MonotonicClock;
import io.godwit.engine.guest.Guest;
import io.godwit.engine.guest.GuestState;
import io.godwit.engine.guest.Outputs;
import io.godwit.engine.guest.RunControl;
import io.godwit.engine.guest.Traffic;
import io.godwit.engine.incoming.plan.IncomingPlan;
import io.godwit.engine.incoming.wire.IncomingLink;
import io.godwit.engine.incoming.wire.SourceStream;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.report.ColoExitReason;
import io.godwit.engine.report.ColoMode;
import io.godwit.stream.Bytes;
import io.godwit.stream.ColoDevices;
import io.godwit.stream.ColoListener;
import io.godwit.stream.ColoMessage;
import io.godwit.stream.StreamFormatException;
import io.godwit.stream.StreamLimits;
import java.time.Duration;
import java.util.Optional;

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
    private static final System.Logger LOG = System.getLogger(Secondary.class.getName());

    /** LIMIT: how late it is seen that the token has become free. */
    private static final Duration LOOK = Duration.ofMillis(20);

    private final IncomingPlan plan;
    private final Guest guest;
    private final SourceStream stream;
    private final RamCache cache;
    private final SecondaryControl control;
    private final ColoProgress progress;
    private final MonotonicClock clock;
    private final CompareSecondary comparing;
    private final boolean sharesToken;
    private final boolean standsStill;
    private boolean begun;
    private long stoppedNanos;
    private volatile long checkpoints;

    /**
     * With the stream read to its end, and nothing loaded yet.
     *
     * @param compares whether the primary opens a connection for comparing
     * @param standsStill whether the guest does not run before it is needed
     * @param sharesToken whether the primary holds the token that this side asks for
     */
    public Secondary(
            IncomingPlan plan,
            Guest guest,
            SourceStream stream,
            IncomingLink link,
            RamCache cache,
            SecondaryControl control,
            ColoProgress progress,
            boolean compares,
            boolean standsStill,
            boolean sharesToken) {
        this.plan = plan;
        this.guest = guest;
        this.stream = stream;
        this.cache = cache;
        this.control = control;
        this.progress = progress;
        this.clock = plan.clock();
        this.standsStill = standsStill;
        this.sharesToken = sharesToken;
        this.comparing = new CompareSecondary(plan, guest, link, compares, () -> checkpoints);
    }

    /**
     * The devices are loaded: the guest begins to run as the secondary, and the primary is told.
     *
     * @param ran whether it ran at the primary
     */
    public void begin(boolean ran) {
        cache.begin(guest.dirtyTracker());
        guest.outputs().ifPresent(Outputs::hold);
        comparing.standBy();
        plan.run().standBy(ran && !standsStill);
        begun = true;
        progress.began(ColoMode.SECONDARY, () -> 0);
        control.begun("the guest runs as the secondary");
        comparing.start();
        stream.send(ColoMessage.CHECKPOINT_READY);
    }

    /** Takes checkpoints until one side is lost; then this guest is the one that counts, or it never will be. */
    public void conduct() {
        try {
            stream.receiveCheckpoints(this, cache.checkpointPlace());
        } catch (RuntimeException | Error e) {
            failOver(e);
        }
    }

    @Override
    public void checkpointRequested() {
        stoppedNanos = clock.nanoTime();
        boolean _ = plan.run().stopForCheckpoint();
        stream.send(ColoMessage.CHECKPOINT_REPLY);
    }

    @Override
    public void memoryEnded() {
        // The devices of the same moment come next.
    }

    @Override
    public void devicesArrived(Bytes deviceBytes) {
        ColoDevices devices = decode(deviceBytes);
        Optional<RuntimeException> unheard = sayReceived();
        long began = clock.nanoTime();
        long pages = cache.flush();
        long flushed = clock.nanoTime();
        boolean ran = load(devices);
        checkpoints++;
        progress.checkpoint(pages, deviceBytes.byteLength());
        plan.run().loadedCheckpoint(ran && !standsStill);
        progress.loaded(flushed - began, clock.nanoTime() - stoppedNanos);
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

    /** The primary is lost, or this side. */
    private void failOver(Throwable cause) {
        long lost = clock.nanoTime();
        progress.failingOver();
        comparing.close();
        if (!(cause instanceof MigrationException.Transport) && !control.isPrimaryGivenUp()) {
            // What came was no checkpoint, or could not be loaded: the primary lives, and hears that this side is lost.
            progress.ended(ColoExitReason.ERROR, 0);
            giveUp();
            throw sneaky(cause);
        }
        RunControl.StandbyEnd end = win(cause);
        switch (end) {
            case RunControl.StandbyEnd.Won _ -> {
                boolean asked = control.isPrimaryGivenUp();
                progress.ended(asked ? ColoExitReason.REQUEST : ColoExitReason.ERROR, clock.nanoTime() - lost);
                cache.close();
                control.completed("the guest goes on here, " + MigrationException.sentence(cause));
            }
            case RunControl.StandbyEnd.Lost(String why) -> {
                progress.ended(ColoExitReason.ERROR, 0);
                giveUp();
                throw new MigrationException.RightToRun("the primary was lost (" + MigrationException.sentence(cause)
                        + "), and the guest does not go on here: " + why);
            }
        }
    }

    private static RuntimeException sneaky(Throwable cause) {
        if (cause instanceof Error error) {
            throw error;
        }
        return (RuntimeException) cause;
    }

    /** Waits for the token as long as it may become free for this side. */
    private RunControl.StandbyEnd win(Throwable cause) {
        boolean told = false;
        while (true) {
            RunControl.StandbyEnd end = plan.run()
                    .endStandby(
                            sharesToken ? comparing.protection() : Optional.empty(),
                            sharesToken || control.isPrimaryGivenUp(),
                            LOOK,
                            this::takeOver);
            if (!(end instanceof RunControl.StandbyEnd.Lost(String why, boolean forGood)) || forGood) {
                return end;
            }
            if (control.isEnding()) {
                return new RunControl.StandbyEnd.Lost("this side is ending", true);
            }
            if (!told) {
                told = true;
                control.waiting("The primary of " + plan.uri() + " is lost (" + MigrationException.sentence(cause)
                        + "), but " + why + ". The guest stands still here and goes on when the token is free.");
            }
        }
    }

    /** With the token won, guest standing still. */
    private void takeOver() {
        guest.dirtyTracker().stop();
        guest.outputs().ifPresent(Outputs::passThrough);
        guest.traffic().ifPresent(Traffic::takeOver);
    }

    private void giveUp() {
        plan.run().standbyFailed();
        guest.dirtyTracker().stop();
    }

    @Override
    public void close() {
        if (begun) {
            comparing.close();
        }
        cache.close();
    }
}
