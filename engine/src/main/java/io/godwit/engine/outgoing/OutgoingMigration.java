// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing;

import io.godwit.engine.Capability;
import io.godwit.engine.GuestOwner;
import io.godwit.engine.MigrationException;
import io.godwit.engine.MigrationListener;
import io.godwit.engine.MigrationParameters;
import io.godwit.engine.MigrationStatistics;
import io.godwit.engine.MigrationStatus;
import io.godwit.engine.MonotonicClock;
import io.godwit.engine.guest.Guest;
import io.godwit.engine.guest.RunControl;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.memory.RamBlocks;
import io.godwit.engine.transport.AbortSignal;
import io.godwit.engine.transport.Channel;
import io.godwit.engine.transport.MigrationUri;
import io.godwit.engine.transport.Transports;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;

/**
 * One migration away from here. The thread {@code mig-outgoing} carries it out from the first byte to the destination's last word, and
 * nobody waits for it: vCPUs and control sessions only leave requests.
 *
 * <p>Invariants: until {@link Switchover} has stopped the guest it runs on, whatever fails; after that every end decides who owns the guest
 * through {@link RunControl#takeBack}; exactly one end is reached, and it is the last transition.
 */
public final class OutgoingMigration {
    private static final System.Logger LOG = System.getLogger(OutgoingMigration.class.getName());

    /** What a migration is made of. */
    public record Plan(
            Guest guest,
            RunControl run,
            MigrationUri uri,
            Supplier<MigrationParameters> parameters,
            Set<Capability> capabilities,
            List<MigrationListener> listeners,
            MonotonicClock clock) {}

    private final Plan plan;
    private final OutgoingProgress progress = new OutgoingProgress();
    private final CountDownLatch ended = new CountDownLatch(1);
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition mayContinue = lock.newCondition();
    private final long startNanos;
    private final AbortSignal abort = new AbortSignal();
    private volatile OutgoingState state = new OutgoingState.Setup();
    private volatile long endNanos;
    private boolean continued;

    /** Prepares; nothing happens before {@link #start}. */
    public OutgoingMigration(Plan plan) {
        this.plan = plan;
        this.startNanos = plan.clock().nanoTime();
    }

    /** Starts the thread and returns. */
    public void start() {
        announce(state);
        try {
            Thread.ofPlatform().name("mig-outgoing").start(this::run);
        } catch (Error e) {
            // No thread can be made: the migration ends where it began.
            end(e, GuestOwner.HERE);
            abort.close();
            finish();
        }
    }

    /** Asks for the end of the migration; the guest stays or comes back. After the end it does nothing. */
    public void cancel() {
        lock.lock();
        try {
            if (state.mayBecome(new OutgoingState.Cancelling())) {
                become(new OutgoingState.Cancelling(), "cancel was asked for");
                mayContinue.signalAll();
            }
        } finally {
            lock.unlock();
        }
        if (state instanceof OutgoingState.Cancelling) {
            abort.raise("the migration was cancelled");
        }
    }

    /**
     * Goes on from {@code pre-switchover}.
     *
     * @throws MigrationException.Refused in any other state
     */
    public void continueSwitchover() {
        lock.lock();
        try {
            if (!(state instanceof OutgoingState.PreSwitchover)) {
                throw new MigrationException.Refused(
                        "Migration is in state '" + state.status().publicName() + "', not 'pre-switchover'.");
            }
            continued = true;
            mayContinue.signalAll();
        } finally {
            lock.unlock();
        }
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
        if (state.status().isEnded()) {
            throw new MigrationException.Refused("The migration has ended; it cannot become postcopy any more.");
        }
    }

    /**
     * Cuts the connection on purpose; the destination has the guest and goes on.
     *
     * @throws MigrationException.Refused in any other state than {@code postcopy-active}
     */
    public void pausePostcopy() {
        refuseUnlessIn(MigrationStatus.POSTCOPY_ACTIVE, "migrate-pause");
    }

    /**
     * Connects again; returns at once.
     *
     * @throws MigrationException.Refused in any other state than {@code postcopy-paused}
     */
    public void resume(MigrationUri uri) {
        refuseUnlessIn(MigrationStatus.POSTCOPY_PAUSED, "migrate with 'resume' to " + uri);
    }

    private void refuseUnlessIn(MigrationStatus wanted, String what) {
        MigrationStatus now = state.status();
        if (now != wanted) {
            throw new MigrationException.Refused(what + " is possible in state '" + wanted.publicName()
                    + "' only; this migration is in state '" + now.publicName() + "'.");
        }
    }

    /** Waits for the end. */
    public boolean awaitEnd(Duration timeout) throws InterruptedException {
        return ended.await(timeout.toNanos(), TimeUnit.NANOSECONDS);
    }

    /** Whether it has ended. */
    public boolean isEnded() {
        return ended.getCount() == 0;
    }

    /** A picture of it as it is now. */
    public MigrationStatistics statistics() {
        OutgoingState now = state;
        boolean over = isEnded();
        RamBlocks.Snapshot ram = plan.guest().ram().snapshot();
        long remaining =
                over && now instanceof OutgoingState.Completed ? 0 : ram.dirtyPageCount() * RamBlock.PAGE_BYTES;
        long time = (over ? endNanos : plan.clock().nanoTime()) - startNanos;
        long bandwidth = bandwidth(time);
        Optional<OutgoingState.Failed> failure =
                now instanceof OutgoingState.Failed failed ? Optional.of(failed) : Optional.empty();
        return new MigrationStatistics(
                now.status(),
                true,
                failure.map(OutgoingState.Failed::error),
                owner(now),
                progress.pass.get(),
                ram.totalBytes(),
                remaining,
                progress.transferredBytes.get(),
                progress.normalPages.get(),
                progress.zeroPages.get(),
                progress.dirtyPagesPerSecond,
                bandwidth,
                bandwidth == 0 ? 0 : Convergence.expectedNanos(remaining, bandwidth) / 1_000_000,
                progress.setupNanos / 1_000_000,
                time / 1_000_000,
                progress.downtimeNanos / 1_000_000,
                progress.parts,
                progress.downtimePages,
                plan.guest().dirtyTracker().description(),
                Optional.empty(),
                Optional.empty());
    }

    /** As measured over the last pass; before the first one has ended, over what was sent so far. */
    private long bandwidth(long elapsedNanos) {
        long measured = progress.bandwidthBytesPerSecond;
        long sending = elapsedNanos - progress.setupNanos;
        return measured != 0 || progress.setupNanos == 0 || sending <= 0
                ? measured
                : (long) (progress.transferredBytes.get() * 1e9 / sending);
    }

    private void run() {
        try (abort) {
            Duration patience = Duration.ofMillis(plan.parameters().get().connectTimeoutMillis());
            try (Channel channel = Transports.connect(plan.uri(), patience, abort);
                    OutgoingSession session = new OutgoingSession(plan, channel, progress)) {
                conduct(session);
            } catch (RuntimeException | Error e) {
                // Only what comes before the session begins ends here: the guest was not touched.
                end(e, GuestOwner.HERE);
            }
        } finally {
            finish();
        }
    }

    private void finish() {
        endNanos = plan.clock().nanoTime();
        ended.countDown();
    }

    private void conduct(OutgoingSession session) {
        try {
            session.announce();
            progress.setupNanos = plan.clock().nanoTime() - startNanos;
            advance(new OutgoingState.Active(), "the guest is announced");
            session.precopy();
            session.stopGuest();
            if (plan.capabilities().contains(Capability.PAUSE_BEFORE_SWITCHOVER)) {
                advance(new OutgoingState.PreSwitchover(), "the rest is small enough");
                awaitContinue();
            }
            advance(new OutgoingState.Device(), "the rest is small enough");
            session.sendRest();
            session.awaitVerdict();
            progress.downtimeNanos = plan.clock().nanoTime() - progress.stoppedAtNanos;
        } catch (RuntimeException | Error e) {
            Throwable cause = session.toldCause(e);
            GuestOwner owner = settleOwner(session, e);
            stopTracking();
            end(cause, owner);
            return;
        }
        stopTracking();
        complete();
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

    /** A tracker that cannot be stopped makes the guest slower; it decides nothing. */
    private void stopTracking() {
        try {
            plan.guest().dirtyTracker().stop();
        } catch (RuntimeException | Error e) {
            LOG.log(System.Logger.Level.WARNING, "dirty tracking could not be stopped", e);
        }
    }

    /** The next state, unless a cancel came first. */
    private void advance(OutgoingState next, String reason) {
        lock.lock();
        try {
            if (state instanceof OutgoingState.Cancelling) {
                throw new MigrationException.Cancelled();
            }
            become(next, reason);
        } finally {
            lock.unlock();
        }
    }

    private void awaitContinue() {
        lock.lock();
        try {
            while (!continued && state instanceof OutgoingState.PreSwitchover && !abort.isRaised()) {
                // The return path may end the wait too, and it knows only the signal: look at it now and then.
                boolean _ = mayContinue.await(50, TimeUnit.MILLISECONDS);
            }
            if (abort.isRaised()) {
                throw new MigrationException.Transport("while the guest waited in pre-switchover: " + abort.reason());
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new MigrationException.Transport("this side is ending", e);
        } finally {
            lock.unlock();
        }
    }

    private void complete() {
        lock.lock();
        try {
            become(new OutgoingState.Completed(), "the destination runs the guest");
        } finally {
            lock.unlock();
        }
    }

    private void end(Throwable cause, GuestOwner owner) {
        lock.lock();
        try {
            if (state.status().isEnded()) {
                LOG.log(System.Logger.Level.WARNING, "after the end of the migration to " + plan.uri(), cause);
                return;
            }
            if (state instanceof OutgoingState.Cancelling && owner == GuestOwner.HERE) {
                become(new OutgoingState.Cancelled(), "unwound");
                return;
            }
            String why = MigrationException.sentence(cause);
            String message = "The migration to " + plan.uri() + " failed: " + why + "; " + owner.sentence() + ".";
            become(new OutgoingState.Failed(message, owner), why);
        } finally {
            lock.unlock();
        }
    }

    /** The one place where the state changes; with the lock held. */
    private void become(OutgoingState next, String reason) {
        OutgoingState old = state;
        if (!old.mayBecome(next)) {
            throw new IllegalStateException("outgoing migration: " + old + " cannot become " + next);
        }
        LOG.log(
                System.Logger.Level.DEBUG,
                "outgoing {0}: {1} -> {2}: {3}",
                plan.uri(),
                old.status(),
                next.status(),
                reason);
        state = next;
        announce(next);
    }

    private void announce(OutgoingState now) {
        MigrationListener.tell(plan.listeners(), l -> l.statusChanged(now.status()));
    }

    private static Optional<GuestOwner> owner(OutgoingState state) {
        return switch (state) {
            case OutgoingState.Completed _ -> Optional.of(GuestOwner.PEER);
            case OutgoingState.Cancelled _ -> Optional.of(GuestOwner.HERE);
            case OutgoingState.Failed failed -> Optional.of(failed.owner());
            case OutgoingState.Setup _,
                    OutgoingState.Active _,
                    OutgoingState.PreSwitchover _,
                    OutgoingState.Device _,
                    OutgoingState.Cancelling _ -> Optional.empty();
        };
    }
}
