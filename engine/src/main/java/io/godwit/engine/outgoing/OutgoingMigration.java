// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing;

import io.godwit.engine.environment.Latch;
import io.godwit.engine.environment.ThreadRole;
import io.godwit.engine.environment.Worker;
import io.godwit.engine.guest.RunControl;
import io.godwit.engine.outcome.GuestOwner;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.outgoing.checkpoint.Protection;
import io.godwit.engine.outgoing.plan.OutgoingPlan;
import io.godwit.engine.outgoing.plan.OutgoingProgress;
import io.godwit.engine.outgoing.postcopy.Postcopy;
import io.godwit.engine.outgoing.postcopy.PostcopyConnection;
import io.godwit.engine.outgoing.precopy.PostcopyTrigger;
import io.godwit.engine.outgoing.wire.AnnouncedRam;
import io.godwit.engine.outgoing.wire.WireMeter;
import io.godwit.engine.report.ColoExitReason;
import io.godwit.engine.report.ColoMode;
import io.godwit.engine.report.MigrationListener;
import io.godwit.engine.report.MigrationStatistics;
import io.godwit.engine.settings.Capability;
import io.godwit.engine.transport.Channel;
import io.godwit.engine.transport.ConnectionRole;
import io.godwit.engine.transport.MigrationUri;
import io.godwit.engine.waits.MigrationWaits;
import java.time.Duration;
import java.util.Optional;

/**
 * One migration away from here. The thread {@code mig-outgoing} carries it out from the first byte to the destination's
 * last word, and nobody waits for it: vCPUs and control sessions only leave requests.
 *
 * <p>Invariants: until {@link Switchover} has stopped the guest it runs on, whatever fails; after that every end
 * decides who owns the guest through {@link RunControl#takeBack}; exactly one end is reached, and it is the last
 * transition.
 */
public final class OutgoingMigration implements AutoCloseable {
    private static final System.Logger LOG = System.getLogger(OutgoingMigration.class.getName());

    private final OutgoingPlan plan;
    private final OutgoingProgress progress = new OutgoingProgress();
    private final WireMeter meter = new WireMeter();
    private final MigrationWaits waits;
    private final Latch ended;
    private final OutgoingControl control;
    private final PostcopyTrigger trigger;
    private final long startNanos;
    private volatile long endNanos;

    /** Prepares; nothing happens before {@link #start}. */
    public OutgoingMigration(OutgoingPlan plan) {
        this.plan = plan;
        this.ended = new Latch(plan.environment());
        this.waits = new MigrationWaits(plan.guest().vcpus().count());
        this.control = new OutgoingControl(plan);
        this.trigger = new PostcopyTrigger(plan.capabilities().contains(Capability.POSTCOPY_RAM), plan.parameters());
        this.startNanos = plan.clock().nanoTime();
    }

    /** Starts the thread and returns. */
    public void start() {
        if (plan.guest().keptState().isPresent()) {
            // Nothing writes to it: where postcopy is possible, no pass comes before it.
            trigger.ask();
        }
        control.begin();
        try {
            Worker _ = plan.environment().start(ThreadRole.OUTGOING, this::run);
        } catch (Error e) {
            // No thread can be made: the migration ends where it began.
            control.fail(e, GuestOwner.HERE);
            finish();
        }
    }

    /**
     * Asks for the end of the migration; the guest stays or comes back. After the end it does nothing.
     *
     * @throws MigrationException.Refused if postcopy has begun
     */
    public void cancel() {
        control.cancel();
    }

    /**
     * Goes on from {@code pre-switchover}.
     *
     * @throws MigrationException.Refused in any other state
     */
    public void continueSwitchover() {
        control.continueSwitchover();
    }

    /**
     * Asks for the switch to postcopy, which comes as soon as the migration is far enough.
     *
     * @throws MigrationException.Refused if {@code postcopy-ram} is off, or the migration has ended
     */
    public void startPostcopy() {
        if (!plan.capabilities().contains(Capability.POSTCOPY_RAM)) {
            throw new MigrationException.Refused(
                    "Enable postcopy with migrate_set_capability before the start of migration");
        }
        if (control.state().status().isEnded()) {
            throw new MigrationException.Refused("The migration has ended; it cannot become postcopy any more.");
        }
        trigger.ask();
    }

    /**
     * Cuts the connection on purpose; the destination has the guest and goes on.
     *
     * @throws MigrationException.Refused if no connection of postcopy is in use
     */
    public void pausePostcopy() {
        control.pausePostcopy();
    }

    /**
     * Connects again; returns at once.
     *
     * @throws MigrationException.Refused in any other state than {@code postcopy-paused}
     */
    public void resume(MigrationUri uri) {
        control.resume(uri);
    }

    /**
     * This side is ending: cancels, in postcopy cuts the connection for good, and leaves a protected guest to its
     * secondary. Returns at once.
     */
    @Override
    public void close() {
        if (control.state() instanceof OutgoingState.Colo) {
            LOG.log(
                    System.Logger.Level.WARNING,
                    "This host ends, and leaves its guest to the secondary at {0}. To end the guest say migrate_cancel"
                            + " first, then quit.",
                    plan.uri());
        }
        control.end();
    }

    /** Waits for the end. */
    public boolean awaitEnd(Duration timeout) throws InterruptedException {
        return ended.await(timeout);
    }

    /** Whether it has ended. */
    public boolean isEnded() {
        return ended.isOpen();
    }

    /** A picture of it as it is now. */
    public MigrationStatistics statistics() {
        long time = (isEnded() ? endNanos : plan.clock().nanoTime()) - startNanos;
        return OutgoingReport.of(plan, control.state(), progress, meter, waits.statistics(), time);
    }

    /**
     * A control session has answered a command, which took {@code nanos}. It counts if the migration was under way in
     * any of that time.
     */
    public void commandTook(String name, long nanos) {
        if (!isEnded() || plan.clock().nanoTime() - nanos < endNanos) {
            waits.commandTook(name, nanos);
        }
    }

    private void run() {
        try (Channel channel = plan.connections(plan.uri()).open(ConnectionRole.MAIN, control.abort());
                AnnouncedRam ram = OutgoingSession.holdRam(plan);
                OutgoingSession session =
                        new OutgoingSession(plan, channel, ram, control.abort(), trigger, progress, meter)) {
            waits.watch(plan.guest());
            conduct(session);
        } catch (RuntimeException | Error e) {
            // Only what comes before the session begins ends here: the guest was not touched.
            control.fail(e, GuestOwner.HERE);
        } finally {
            finish();
        }
    }

    private void finish() {
        control.abort().close();
        endNanos = plan.clock().nanoTime();
        ended.open();
    }

    private void conduct(OutgoingSession session) {
        Optional<PostcopyConnection> connection;
        Optional<Protection> protection = Optional.empty();
        try {
            session.announce();
            progress.setupNanos = plan.clock().nanoTime() - startNanos;
            control.advance(new OutgoingState.Active(), "the guest is announced");
            boolean postcopy = session.precopy();
            if (postcopy) {
                session.preparePostcopy();
            }
            if (plan.capabilities().contains(Capability.X_COLO)) {
                protection = Optional.of(session.prepareProtection(control));
            }
            session.stopGuest();
            protection.ifPresent(Protection::hold);
            if (plan.capabilities().contains(Capability.PAUSE_BEFORE_SWITCHOVER)) {
                control.advance(new OutgoingState.PreSwitchover(), "the guest stands still");
                control.awaitContinue();
            }
            control.advance(
                    new OutgoingState.Device(), postcopy ? "the switch to postcopy" : "the rest is small enough");
            if (protection.isPresent()) {
                session.sendRestToSecondary();
                protection.get().begin(session.guestRan());
                connection = Optional.empty();
            } else {
                connection = postcopy
                        ? Optional.of(session.sendPackage(control::commit, this::devicesLoaded))
                        : handOver(session);
            }
        } catch (RuntimeException | Error e) {
            Throwable cause = session.toldCause(e);
            protection.ifPresent(Protection::undo);
            session.giveBackFreePages();
            GuestOwner owner = settleOwner(session, e);
            letGo(session);
            session.letRamChange();
            control.fail(cause, owner);
            return;
        }
        if (protection.isPresent()) {
            protect(session, protection.get());
        } else if (connection.isPresent()) {
            pushRest(session, connection.get());
        } else {
            letGo(session);
            control.complete("the destination runs the guest");
        }
    }

    private void devicesLoaded() {
        control.devicesLoaded();
        MigrationListener.tell(plan.listeners(), MigrationListener::guestGoesOn);
    }

    private Optional<PostcopyConnection> handOver(OutgoingSession session) {
        session.sendRest();
        session.awaitVerdict();
        return Optional.empty();
    }

    /** Postcopy, with the package written: whatever fails now, the destination may have the guest. */
    private void pushRest(OutgoingSession session, PostcopyConnection connection) {
        control.advance(new OutgoingState.PostcopyActive(), "the package is written");
        Postcopy.End end =
                conductPostcopy(new Postcopy(plan, control, progress, meter, session.handover()), connection);
        letGo(session);
        session.letRamChange();
        switch (end) {
            case Postcopy.End.Completed _ -> control.complete("the destination has everything");
            case Postcopy.End.Failed(Throwable cause, GuestOwner owner) -> control.fail(cause, owner);
        }
    }

    /** COLO, with the guest running here and at the secondary, until one of them is lost. */
    private void protect(OutgoingSession session, Protection protection) {
        try (protection) {
            Protection.End end = protection.conduct();
            letGo(session);
            session.letRamChange();
            switch (end) {
                case Protection.End.Alone(String why, ColoExitReason reason) -> {
                    MigrationListener.tell(plan.listeners(), l -> l.protectionEnded(ColoMode.PRIMARY, reason));
                    control.alone(why);
                }
                case Protection.End.Stopped(Throwable cause, GuestOwner owner) -> {
                    ColoExitReason reason = owner == GuestOwner.PEER ? ColoExitReason.REQUEST : ColoExitReason.ERROR;
                    MigrationListener.tell(plan.listeners(), l -> l.protectionEnded(ColoMode.PRIMARY, reason));
                    control.fail(cause, owner);
                }
            }
        }
    }

    /**
     * The secondary is lost for certain: the guest goes on here, alone.
     *
     * @throws MigrationException.Refused if there is none
     */
    public void failOver() {
        control.failOver();
    }

    /** An error of this program must not end in a guest that is said to be here when it is not. */
    private Postcopy.End conductPostcopy(Postcopy postcopy, PostcopyConnection connection) {
        try {
            return postcopy.conduct(connection);
        } catch (RuntimeException | Error e) {
            LOG.log(System.Logger.Level.ERROR, "postcopy to " + plan.uri() + " failed by an error of its own", e);
            plan.run().leaveTo(GuestOwner.UNDECIDED);
            return new Postcopy.End.Failed(e, GuestOwner.UNDECIDED);
        }
    }

    /** Whatever failed, and however: the end names an owner. */
    private static GuestOwner settleOwner(OutgoingSession session, Throwable cause) {
        try {
            return session.settleOwner();
        } catch (RuntimeException | Error second) {
            cause.addSuppressed(second);
            LOG.log(System.Logger.Level.ERROR, "who owns the guest could not be settled", cause);
            return GuestOwner.UNDECIDED;
        }
    }

    /**
     * Before the end is told, because the next migration of this guest may begin at once. What fails here makes the
     * guest slower; it decides nothing.
     */
    private void letGo(OutgoingSession session) {
        evenIfItFails("the guest's time could not be given back", session::endPasses);
        evenIfItFails("dirty tracking could not be stopped", plan.guest().dirtyTracker()::stop);
        evenIfItFails("waits are still counted", () -> waits.end(plan.guest()));
    }

    private static void evenIfItFails(String otherwise, Runnable step) {
        try {
            step.run();
        } catch (RuntimeException | Error e) {
            LOG.log(System.Logger.Level.WARNING, otherwise, e);
        }
    }
}
