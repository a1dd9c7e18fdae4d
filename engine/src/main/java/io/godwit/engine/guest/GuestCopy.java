// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.guest;

import io.godwit.engine.outcome.GuestOwner;
import io.godwit.engine.outcome.MigrationException;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.locks.Lock;

/**
 * A guest of which there are two copies: the primary's counts and has the token; the secondary's runs without it, and
 * nobody hears what it says. A part of {@link RunControl}, whose lock it takes.
 *
 * <p>Threads: any; a migration calls it.
 */
public final class GuestCopy {
    /** What came of the attempt to make a secondary's guest the one that counts. */
    public sealed interface StandbyEnd {
        /** It is. */
        record Won() implements StandbyEnd {}

        /**
         * It is not, and stands still.
         *
         * @param forGood whether trying again is of no use
         */
        record Lost(String why, boolean forGood) implements StandbyEnd {}
    }

    private static final System.Logger LOG = System.getLogger(GuestCopy.class.getName());

    private final RightToRun right;
    private final LostRight lost;
    private final VcpuSwitch guest;
    private final Lock lock;
    private boolean standby;
    private boolean outdated;
    private boolean runsAfterCheckpoint;
    private Optional<UUID> protection = Optional.empty();

    GuestCopy(RightToRun right, LostRight lost, VcpuSwitch guest, Lock lock) {
        this.right = right;
        this.lost = lost;
        this.guest = guest;
        this.lock = lock;
    }

    /** Under which protection a secondary may take the guest over; with the lock held. */
    Optional<UUID> protection() {
        return protection;
    }

    /** With the lock held. */
    void refuseIfStandby(String command) {
        if (standby) {
            throw new MigrationException.Refused("This guest is a secondary, which its primary starts and stops; '"
                    + command + "' is for the primary. If that is dead say x-colo-lost-heartbeat here.");
        }
        if (outdated) {
            throw new MigrationException.Refused("This guest was a secondary that was given up: the one that counts has"
                    + " gone on without it, so that it must not run. End this host (quit).");
        }
    }

    /**
     * The guest is stopped for the switchover and gets a secondary: the record of its token says from now on under
     * which protection that may take it over. The token stays here.
     */
    public void announceProtection(UUID under) {
        locked(() -> {
            right.record(Optional.of(under));
            protection = Optional.of(under);
        });
    }

    /**
     * Under protection the guest goes on.
     *
     * @param run whether it ran before
     */
    public void beginProtection(boolean run) {
        locked(() -> {
            right.requireNotLost();
            if (run) {
                guest.startWithRight("protected");
            } else {
                guest.become(RunState.PAUSED, "protected, and paused as it was");
            }
        });
    }

    /**
     * From now on no secondary may take the guest over. Returns when the token's record says so, before anything may
     * leave that the secondary does not know of. Harmless where there is no protection.
     *
     * @throws RuntimeException if the record could not be made, or the right to run is lost: the secondary may still
     *     take the guest over
     */
    public void endProtection() {
        right.requireNotLost();
        if (isProtected()) {
            // Without the lock: if the right is lost meanwhile, the guest must be stopped.
            right.record(Optional.empty());
            locked(() -> {
                right.requireNotLost();
                protection = Optional.empty();
            });
        }
    }

    private boolean isProtected() {
        lock.lock();
        try {
            return protection.isPresent();
        } finally {
            lock.unlock();
        }
    }

    /** Whether the right to run is not lost; it stays so while the lock is held, see {@link RunControl#whileStill}. */
    public boolean hasRight() {
        return !right.isLost();
    }

    /** There is no protection as far as this side is concerned; the record may say otherwise until the guest runs. */
    public void abandonProtection() {
        locked(() -> protection = Optional.empty());
    }

    /** Somebody says {@code cont} or {@code stop} in a checkpoint: that holds from its end on. With the lock held. */
    void runAfterCheckpoint(boolean run) {
        runsAfterCheckpoint = run;
    }

    /**
     * Stops the guest for a checkpoint, on either side; {@code stop} and {@code cont} wait for its end.
     *
     * @return whether it ran
     * @throws MigrationException.Machine if it has crashed
     */
    public boolean stopForCheckpoint() {
        lock.lock();
        try {
            RunState now = guest.state();
            if (now == RunState.INTERNAL_ERROR) {
                throw new MigrationException.Machine(
                        "The guest has crashed: there is nothing to make a checkpoint of.");
            }
            boolean ran = now == RunState.RUNNING;
            if (ran) {
                guest.stopAs(RunState.COLO, "checkpoint");
                runsAfterCheckpoint = true;
            } else if (now == RunState.PAUSED) {
                guest.become(RunState.COLO, "checkpoint of a guest that is paused");
                runsAfterCheckpoint = lost.willRun();
            }
            return ran;
        } finally {
            lock.unlock();
        }
    }

    /** Lets the primary's guest go on that {@link #stopForCheckpoint} has stopped, unless something else came. */
    public void goOnFromCheckpoint() {
        locked(() -> {
            if (guest.state() != RunState.COLO) {
                return;
            }
            if (right.isLost()) {
                guest.become(RunState.PAUSED, "the right to run is lost");
                lost.regainInBackground(runsAfterCheckpoint);
            } else if (runsAfterCheckpoint) {
                guest.start("checkpoint is in");
            } else {
                guest.become(RunState.PAUSED, "checkpoint is in");
            }
        });
    }

    /**
     * A guest has arrived as a secondary, or has become what a checkpoint says: it runs without the token, and nobody
     * must hear what it says.
     *
     * @param run whether the primary's guest ran
     */
    public void standBy(boolean run) {
        locked(() -> {
            standby = true;
            if (run) {
                guest.start("standby");
            } else {
                guest.become(RunState.COLO, "standby, stands still");
            }
        });
    }

    /**
     * The primary is lost: tries once to make this guest the one that counts. It stands still from now on.
     *
     * @param under the protection that must be in force still; empty: somebody who knows says that the primary is dead
     * @param runs whether the guest shall run then
     * @param takeOver done with the token won, before the guest runs
     */
    public StandbyEnd endStandby(Optional<UUID> under, boolean runs, Runnable takeOver) {
        lock.lock();
        try {
            if (guest.state() == RunState.INTERNAL_ERROR) {
                return new StandbyEnd.Lost("the guest here has crashed", true);
            }
            boolean _ = stopForCheckpoint();
            RightToRun.Attempt attempt = right.winAsSecondary(under);
            if (!attempt.isWon()) {
                return new StandbyEnd.Lost(attempt.reason(), attempt.owner() == GuestOwner.PEER && attempt.isFinal());
            }
            try {
                right.record(Optional.empty());
                takeOver.run();
            } catch (RuntimeException e) {
                right.release();
                return new StandbyEnd.Lost("it could not be taken over: " + MigrationException.sentence(e), false);
            }
            standby = false;
            guest.goOn(runs);
            return new StandbyEnd.Won();
        } finally {
            lock.unlock();
        }
    }

    /** The secondary's guest will never count: it stands still for good, as one that never came. */
    public void standbyFailed() {
        locked(() -> {
            if (standby) {
                standby = false;
                outdated = true;
                right.release();
                stopQuietly();
                guest.become(RunState.POSTMIGRATE, "the secondary is given up");
            }
        });
    }

    private void stopQuietly() {
        try {
            if (guest.state() == RunState.RUNNING || guest.state() == RunState.INTERNAL_ERROR) {
                guest.stopAs(RunState.COLO, "the secondary is given up");
            }
        } catch (RuntimeException e) {
            LOG.log(System.Logger.Level.WARNING, "a secondary that nobody hears could not be stopped", e);
        }
    }

    private void locked(Runnable work) {
        lock.lock();
        try {
            work.run();
        } finally {
            lock.unlock();
        }
    }
}
