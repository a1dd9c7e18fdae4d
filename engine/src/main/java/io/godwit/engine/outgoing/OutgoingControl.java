// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing;

import io.godwit.engine.outcome.GuestOwner;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.outgoing.checkpoint.Decision;
import io.godwit.engine.outgoing.checkpoint.ProtectionControl;
import io.godwit.engine.outgoing.plan.OutgoingPlan;
import io.godwit.engine.outgoing.postcopy.PostcopyControl;
import io.godwit.engine.report.MigrationListener;
import io.godwit.engine.transport.AbortSignal;
import io.godwit.engine.transport.MigrationUri;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;
import java.util.function.BooleanSupplier;

/**
 * The state of one outgoing migration, and what control sessions ask of it: they leave a request and go, {@code
 * mig-outgoing} finds it. The one place where the state changes and is logged.
 */
final class OutgoingControl implements PostcopyControl, ProtectionControl {
    private static final System.Logger LOG = System.getLogger(OutgoingControl.class.getName());

    /** LIMIT: how late it is noticed that the guest came back. */
    private static final long LOOK_MILLIS = 500;

    private static final String PAUSED = "migrate-pause was asked for";

    private final OutgoingPlan plan;
    private final Lock lock;
    private final Condition changed;
    private volatile OutgoingState state = new OutgoingState.Setup();
    private volatile AbortSignal abort = new AbortSignal();
    private boolean continued;
    private boolean committed;
    private boolean ending;
    private boolean peerBegan;
    private boolean pauseWanted;
    private Optional<Resume> resume = Optional.empty();
    private final Decision decision;

    OutgoingControl(OutgoingPlan plan) {
        this.plan = plan;
        this.decision = new Decision(plan.environment());
        this.lock = plan.environment().newLock();
        this.changed = lock.newCondition();
    }

    /** Where it stands. */
    OutgoingState state() {
        return state;
    }

    /** What ends the waits of the connection that is in use. */
    AbortSignal abort() {
        return abort;
    }

    /** Tells listeners of the state as it is at the start. */
    void begin() {
        announce(state);
    }

    /**
     * Asks for the end of the migration; the guest stays or comes back.
     *
     * @throws MigrationException.Refused if the destination may have the guest already
     */
    void cancel() {
        lock.lock();
        try {
            if (committed && !state.status().isEnded()) {
                throw MigrationException.Refused.cancelInPostcopy();
            }
            unwind();
        } finally {
            lock.unlock();
        }
    }

    /** This side is ending: as a cancel; in postcopy and COLO the connection is cut for good. */
    void end() {
        lock.lock();
        try {
            ending = true;
            decision.end();
            if (committed || state instanceof OutgoingState.Colo) {
                abort.raise("this host is ending");
                changed.signalAll();
            } else {
                unwind();
            }
        } finally {
            lock.unlock();
        }
    }

    private void unwind() {
        if (state.mayBecome(new OutgoingState.Cancelling())) {
            become(new OutgoingState.Cancelling(), "cancel was asked for");
            changed.signalAll();
        }
        if (state instanceof OutgoingState.Cancelling) {
            decision.cancel();
            abort.raise("the migration was cancelled");
        }
    }

    /**
     * From here on the destination may get the guest, and nothing can be cancelled any more.
     *
     * @throws MigrationException.Cancelled if a cancel came first
     */
    void commit() {
        lock.lock();
        try {
            if (state instanceof OutgoingState.Cancelling) {
                throw new MigrationException.Cancelled();
            }
            committed = true;
        } finally {
            lock.unlock();
        }
    }

    /** Goes on from {@code pre-switchover}. */
    void continueSwitchover() {
        lock.lock();
        try {
            if (!(state instanceof OutgoingState.PreSwitchover)) {
                throw refused("migrate-continue", "pre-switchover");
            }
            continued = true;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /** Cuts the connection of a migration in postcopy. */
    void pausePostcopy() {
        lock.lock();
        try {
            switch (state) {
                case OutgoingState.PostcopyActive _,
                        OutgoingState.PostcopyRecoverSetup _,
                        OutgoingState.PostcopyRecover _ -> {
                    // Cut before the destination has begun, the guest would come back here; who insists gets that.
                    if (peerBegan || pauseWanted) {
                        abort.raise(PAUSED);
                    }
                    pauseWanted = true;
                }
                case OutgoingState.Setup _,
                        OutgoingState.Active _,
                        OutgoingState.PreSwitchover _,
                        OutgoingState.Device _,
                        OutgoingState.PostcopyPaused _,
                        OutgoingState.Colo _,
                        OutgoingState.Alone _,
                        OutgoingState.Completed _,
                        OutgoingState.Failed _,
                        OutgoingState.Cancelling _,
                        OutgoingState.Cancelled _ -> throw refused("migrate-pause", "postcopy-active");
            }
        } finally {
            lock.unlock();
        }
    }

    /** The destination is about to run the guest: who wanted a pause gets it now. */
    void devicesLoaded() {
        lock.lock();
        try {
            peerBegan = true;
            if (pauseWanted) {
                abort.raise(PAUSED);
            }
        } finally {
            lock.unlock();
        }
    }

    /** Connects again from {@code postcopy-paused}. */
    void resume(MigrationUri uri) {
        lock.lock();
        try {
            if (!(state instanceof OutgoingState.PostcopyPaused) || ending) {
                throw refused("migrate with 'resume' to " + uri, "postcopy-paused", lettingGo());
            }
            abort.close();
            abort = new AbortSignal();
            pauseWanted = false;
            peerBegan = true;
            resume = Optional.of(new Resume(uri, abort));
            become(new OutgoingState.PostcopyRecoverSetup(), "resume at " + uri + " was asked for");
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /** What comes before a resume where only the destination knows that the connection is lost. */
    private String lettingGo() {
        return state instanceof OutgoingState.PostcopyActive
                ? " Next: migrate-pause here, if the destination is paused already or the connection carries nothing."
                : "";
    }

    private MigrationException.Refused refused(String what, String wanted) {
        return refused(what, wanted, "");
    }

    private MigrationException.Refused refused(String what, String wanted, String next) {
        return new MigrationException.Refused(what + " is possible in state '" + wanted
                + "' only; this migration is in state '" + state.status().publicName() + "'." + next);
    }

    @Override
    public void paused(String error, GuestOwner owner, String reason) {
        advance(new OutgoingState.PostcopyPaused(error, owner), reason);
    }

    @Override
    public void recovering(String reason) {
        advance(new OutgoingState.PostcopyRecover(), reason);
    }

    @Override
    public void active(String reason) {
        advance(new OutgoingState.PostcopyActive(), reason);
    }

    @Override
    public Optional<Resume> awaitResume(BooleanSupplier over) {
        lock.lock();
        try {
            if (resume.isEmpty()) {
                // Else somebody was quicker than this thread, and the signal is that of the next connection already.
                abort.close();
            }
            while (resume.isEmpty() && !ending && !over.getAsBoolean()) {
                boolean _ = changed.await(LOOK_MILLIS, TimeUnit.MILLISECONDS);
            }
            // One that was asked for before the end came is carried out, and fails at once: its signal has been raised.
            Optional<Resume> asked = resume;
            resume = Optional.empty();
            return asked;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return Optional.empty();
        } finally {
            lock.unlock();
        }
    }

    /**
     * The secondary is lost for certain.
     *
     * @throws MigrationException.Refused if there is none
     */
    void failOver() {
        lock.lock();
        try {
            if (!(state instanceof OutgoingState.Colo)) {
                throw MigrationException.Refused.noFailover(state.status());
            }
            decision.giveUpSecondary();
            abort.raise("x-colo-lost-heartbeat was asked for");
        } finally {
            lock.unlock();
        }
    }

    @Override
    public void begun(String reason) {
        advance(new OutgoingState.Colo(Optional.empty()), reason);
    }

    @Override
    public void undecided(String error) {
        lock.lock();
        try {
            if (state instanceof OutgoingState.Colo) {
                become(new OutgoingState.Colo(Optional.of(error)), error);
            }
        } finally {
            lock.unlock();
        }
    }

    @Override
    public Decision decision() {
        return decision;
    }

    /** There is no secondary any more; a cancel was one way to it. */
    void alone(String why) {
        lock.lock();
        try {
            become(
                    state instanceof OutgoingState.Cancelling
                            ? new OutgoingState.Cancelled()
                            : new OutgoingState.Alone(why),
                    why);
        } finally {
            lock.unlock();
        }
    }

    /** In {@code pre-switchover}: waits until somebody says go on. */
    void awaitContinue() {
        lock.lock();
        try {
            while (!continued && state instanceof OutgoingState.PreSwitchover && !abort.isRaised()) {
                // The return path may end the wait too, and it knows only the signal: look at it now and then.
                boolean _ = changed.await(50, TimeUnit.MILLISECONDS);
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

    /** The next state, unless a cancel came first. */
    void advance(OutgoingState next, String reason) {
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

    /** The destination has everything; a cancel that came too late does not matter. */
    void complete(String reason) {
        lock.lock();
        try {
            become(new OutgoingState.Completed(), reason);
        } finally {
            lock.unlock();
        }
    }

    /** It did not come to its end. */
    void fail(Throwable cause, GuestOwner owner) {
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
}
