// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing.checkpoint;

import io.godwit.engine.agreement.Extension;
import io.godwit.engine.checkpoint.ColoProgress;
import io.godwit.engine.checkpoint.CompareConnection;
import io.godwit.engine.checkpoint.CompareWire;
import io.godwit.engine.environment.MonotonicClock;
import io.godwit.engine.guest.RunControl;
import io.godwit.engine.guest.RunState;
import io.godwit.engine.memory.RamBlocks;
import io.godwit.engine.outcome.GuestOwner;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.outgoing.plan.OutgoingPlan;
import io.godwit.engine.outgoing.wire.OutgoingWire;
import io.godwit.engine.outgoing.wire.RamSender;
import io.godwit.engine.outgoing.wire.ReturnPath;
import io.godwit.engine.outgoing.wire.WireMeter;
import io.godwit.engine.policy.CheckpointInterval;
import io.godwit.engine.report.ColoExitReason;
import io.godwit.engine.report.ColoMode;
import io.godwit.engine.settings.MigrationParameter;
import io.godwit.engine.settings.MigrationParameters;
import io.godwit.engine.transport.AbortSignal;
import io.godwit.engine.transport.Channel;
import io.godwit.engine.transport.ConnectionRole;
import io.godwit.stream.ColoMessage;
import io.godwit.stream.Configuration;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.UUID;

/**
 * The primary's part of COLO, from the secondary's first word to the loss of one side: the guest runs here with its
 * outputs held, checkpoints bring the secondary up to it, and when the secondary is lost the guest goes on alone.
 *
 * <p>The token stays here all the time. Its record says under which protection a secondary may take the guest; before
 * anything leaves that this secondary may not know of, the record is made to say that there is none.
 *
 * <p>Threads: {@code mig-outgoing}.
 */
public final class Protection implements AutoCloseable {
    private static final System.Logger LOG = System.getLogger(Protection.class.getName());

    /** LIMIT: how late it is seen that an answer lacks its counterpart, or that a parameter has changed. */
    private static final long LOOK_NANOS = 50_000_000;

    /** How it ended. */
    public sealed interface End {
        /** The guest goes on here, alone. */
        record Alone(String why, ColoExitReason reason) implements End {}

        /** The guest stands still here: it cannot be known, or this host may not run it, or ends. */
        record Stopped(Throwable cause, GuestOwner owner) implements End {}
    }

    /**
     * What it goes on with.
     *
     * @param ram the blocks, which stay as they are
     * @param sendDirty sends every page whose bit is set
     * @param sharesToken whether the secondary asks for the token that this side holds
     */
    public record Handover(
            Configuration configuration,
            RamBlocks.Snapshot ram,
            OutgoingWire wire,
            RamSender sender,
            Runnable sendDirty,
            ReturnPath returnPath,
            boolean sharesToken) {}

    private final OutgoingPlan plan;
    private final Handover handover;
    private final ProtectionControl control;
    private final AbortSignal abort;
    private final ColoProgress progress;
    private final MonotonicClock clock;
    private final UUID protection = UUID.randomUUID();
    private final boolean compares;
    private final boolean beside;
    private final Answers answers;
    private final CheckpointTimer timer;
    private final HeldOutputs outputs;
    private final Checkpoint checkpoint;
    private final Mirror mirror;
    private final Parting parting;
    private final CheckpointInterval interval = new CheckpointInterval();
    private final OnRightLost rightLost = new OnRightLost();
    private Optional<CompareConnection> comparing = Optional.empty();
    private boolean begun;
    private boolean secondaryRuns;
    private volatile long lostNanos;

    /** Prepares; from here on the secondary may say that it runs. */
    public Protection(
            OutgoingPlan plan,
            Handover handover,
            ProtectionControl control,
            AbortSignal abort,
            ColoProgress progress,
            WireMeter meter) {
        this.plan = plan;
        this.handover = handover;
        this.control = control;
        this.abort = abort;
        this.progress = progress;
        this.clock = plan.clock();
        this.beside = handover.returnPath().peer().agreed(Extension.COMPARE);
        this.compares = beside && !handover.returnPath().peer().agreed(Extension.STANDSTILL);
        this.timer = new CheckpointTimer(plan.environment());
        this.answers = new Answers(handover.ram(), plan.environment(), timer::wake);
        this.outputs = new HeldOutputs(plan.guest(), compares, timer, progress, plan.environment());
        this.mirror = new Mirror(plan.environment());
        this.parting = new Parting(plan, outputs);
        this.checkpoint = new Checkpoint(
                plan,
                handover.configuration(),
                handover.ram(),
                handover.wire(),
                handover.sender(),
                meter,
                handover.sendDirty(),
                answers,
                outputs,
                progress,
                handover.returnPath().peer().isGodwit());
        progress.prepare();
        handover.returnPath().allowColo(answers);
    }

    /**
     * The guest has been stopped, and its devices are not saved yet: what reaches it from now on the secondary must be
     * told of.
     */
    public void hold() {
        if (handover.sharesToken()) {
            plan.run().copy().announceProtection(protection);
        }
        outputs.hold(mirror);
    }

    /** There will be no secondary: everything is as it was before {@link #hold}. */
    public void undo() {
        close();
        try {
            plan.run().copy().endProtection();
        } catch (RuntimeException e) {
            // Nothing was said since: whoever lets the guest run again writes the record first.
            LOG.log(System.Logger.Level.WARNING, "the token's record still names a protection that has not begun", e);
            plan.run().copy().abandonProtection();
        }
        outputs.alone();
        if (begun) {
            progress.ended(ColoExitReason.ERROR, 0);
        }
    }

    /**
     * Waits for the secondary and lets the guest go on here. A failure leaves the guest as it was stopped for the
     * switchover.
     *
     * @param ran whether the guest ran before
     */
    public void begin(boolean ran) {
        answers.await(ColoMessage.CHECKPOINT_READY, plan.parameters().get().handoverTimeoutMillis() * 1_000_000);
        begun = true;
        progress.began(ColoMode.PRIMARY, handover.sharesToken() && beside, outputs::count);
        plan.run().addListener(rightLost);
        timer.restart();
        secondaryRuns = ran;
        control.begun("the secondary runs");
        plan.run().copy().beginProtection(ran);
    }

    /** With the guest running: opens the connection for comparing, where the secondary takes one. */
    public void connect() {
        if (!beside) {
            return;
        }
        Channel channel = plan.connections(plan.uri()).open(ConnectionRole.COMPARE, abort);
        try {
            int timeoutMillis = (int) plan.parameters().get().get(MigrationParameter.HEARTBEAT_TIMEOUT);
            CompareConnection.greet(
                    channel, new CompareWire.Greeting(plan.guest().identity(), protection, timeoutMillis));
            CompareConnection connection =
                    new CompareConnection(channel, new FromSecondary(), timeoutMillis, plan.environment());
            comparing = Optional.of(connection);
            connection.start(plan.environment());
            mirror.attach(connection);
        } catch (RuntimeException | Error e) {
            close();
            channel.close();
            throw e;
        }
    }

    /** Makes checkpoints until one side is lost, and says how it went on. */
    public End conduct() {
        try {
            while (true) {
                String why = timer.await(this::intervalNanos, this::look);
                LOG.log(
                        System.Logger.Level.DEBUG,
                        "guest {0}: checkpoint, {1}",
                        plan.guest().identity(),
                        why);
                long pauseNanos = checkpoint.make(patienceNanos());
                timer.restart();
                secondaryRuns = checkpoint.guestRan();
                interval.made(pauseNanos);
            }
        } catch (RuntimeException | Error e) {
            lost();
            return afterLoss(e);
        }
    }

    private void lost() {
        if (lostNanos == 0) {
            lostNanos = clock.nanoTime();
        }
    }

    private MigrationParameters parameters() {
        return plan.parameters().get();
    }

    private long intervalNanos() {
        return interval.nanos(
                parameters().get(MigrationParameter.CHECKPOINT_DELAY) * 1_000_000,
                parameters().get(MigrationParameter.CHECKPOINT_MIN_DELAY) * 1_000_000);
    }

    /** Of one word. Beside heartbeats it is only a bound for a secondary that lives and does nothing. */
    private long patienceNanos() {
        return parameters().handoverTimeoutMillis() * 1_000_000;
    }

    private long look() {
        if (abort.isRaised()) {
            throw new MigrationException.Transport(abort.reason());
        }
        answers.refuseIfEnded();
        RunState state = plan.run().state();
        if (state == (secondaryRuns ? RunState.PAUSED : RunState.RUNNING)) {
            timer.ask("the guest is " + state.publicName() + " by hand, and the secondary's is not");
        }
        OptionalLong oldest = outputs.oldestUnmatchedNanos();
        if (oldest.isPresent()) {
            long limit = parameters().get(MigrationParameter.COMPARE_TIMEOUT) * 1_000_000;
            if (clock.nanoTime() - oldest.getAsLong() > limit) {
                progress.overdue();
                timer.ask("an answer lacks its counterpart for " + limit / 1_000_000 + " ms");
            }
        }
        return LOOK_NANOS;
    }

    /** The secondary is lost, or is given up: the guest goes on alone where that is right. */
    private End afterLoss(Throwable cause) {
        progress.failingOver();
        abort.raise("protection has ended: " + MigrationException.sentence(cause));
        comparing.ifPresent(CompareConnection::close);
        try {
            plan.run().requireRight();
            if (handover.sharesToken() && control.decision().isForTheOtherSide()) {
                parting.leave(GuestOwner.PEER);
                progress.ended(ColoExitReason.REQUEST, 0);
                return new End.Stopped(
                        new MigrationException.Transport("this host ends, and leaves the guest to its secondary"),
                        GuestOwner.PEER);
            }
            if (!handover.sharesToken() && !control.decision().isMade()) {
                awaitDecision(cause);
            }
            if (!handover.sharesToken() && !control.decision().isForThisSide()) {
                throw new MigrationException.Transport(
                        "this host ends, and whether the secondary has taken the guest over is not known", cause);
            }
            parting.goAlone();
        } catch (RuntimeException | Error e) {
            e.addSuppressed(cause);
            progress.ended(ColoExitReason.ERROR, 0);
            parting.standStill(e);
            return new End.Stopped(e, GuestOwner.UNDECIDED);
        }
        ColoExitReason reason = control.decision().isMade() ? ColoExitReason.REQUEST : ColoExitReason.ERROR;
        progress.ended(reason, clock.nanoTime() - lostNanos);
        return new End.Alone(MigrationException.sentence(cause), reason);
    }

    /** Nobody here can know whether the secondary lives. Outputs stay held, so that the guest may run meanwhile. */
    private void awaitDecision(Throwable cause) {
        plan.run().copy().goOnFromCheckpoint();
        control.undecided("The secondary at " + plan.uri() + " is lost (" + MigrationException.sentence(cause)
                + "). It shares no token with this host, so it may go on by itself. The guest runs on here and its "
                + "outputs are held. If the secondary is dead say x-colo-lost-heartbeat here; if it has taken the "
                + "guest over, say quit here.");
        control.decision().await();
    }

    /** Without the right to run there is no primary; on the arbiter's thread. */
    private final class OnRightLost implements RunControl.Listener {
        @Override
        public void stopped() {
            // By hand, maybe.
            timer.wake();
        }

        @Override
        public void resumed() {
            timer.wake();
        }

        @Override
        public void rightLost() {
            Protection.this.lost();
            abort.raise("the right to run is lost");
            timer.wake();
        }
    }

    private final class FromSecondary implements CompareConnection.Listener {
        @Override
        public void request(long number, byte[] content) {
            throw new MigrationException.Protocol("the secondary sent a request, which only the primary does");
        }

        @Override
        public void answer(long generation, long number, byte[] content) {
            outputs.comparison().ifPresent(comparison -> comparison.theirs(generation, number, content));
        }

        @Override
        public void caughtUp() {
            outputs.comparison().ifPresent(Comparison::release);
        }

        @Override
        public void lost(MigrationException.Transport why) {
            Protection.this.lost();
            abort.raise(MigrationException.sentence(why));
            timer.wake();
        }
    }

    @Override
    public void close() {
        plan.run().removeListener(rightLost);
        comparing.ifPresent(CompareConnection::close);
    }
}
