// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.guest;

import io.godwit.engine.outcome.GuestOwner;
import io.godwit.engine.outcome.MigrationException;
import java.time.Duration;
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

    private final RightToRun right;
    private final LostRight lost;
    private final VcpuSwitch guest;
    private final Lock lock;
    private boolean standby;
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

    /** The right to run is lost: what the record says no longer depends on this side. With the lock held. */
    void forgetProtection() {
        protection = Optional.empty();
    }

    /** With the lock held. */
    void refuseIfStandby(String command) {
        if (standby) {
            throw new MigrationException.Refused("This guest is a secondary, which its primary starts and stops; '"
                    + command + "' is for the primary. If that is dead say x-colo-lost-heartbeat here.");
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
        locked(() -> {
            right.requireNotLost();
            if (protection.isPresent()) {
                right.record(Optional.empty());
                protection = Optional.empty();
            }
        });
    }

    /**
     * Stops the guest for a checkpoint, on either side.
     *
     * @return whether it ran
     */
    public boolean stopForCheckpoint() {
        lock.lock();
        try {
            boolean ran = guest.state() == RunState.RUNNING;
            if (ran) {
                guest.stopAs(RunState.COLO, "checkpoint");
            }
            return ran;
        } finally {
            lock.unlock();
        }
    }

    /** Lets the primary's guest go on that {@link #stopForCheckpoint} has stopped, unless something else came. */
    public void goOnFromCheckpoint() {
        locked(() -> {
            if (guest.state() == RunState.COLO && right.isLost()) {
                guest.become(RunState.PAUSED, "the right to run is lost");
                lost.runWhenWon(true);
                lost.regainInBackground();
            } else if (guest.state() == RunState.COLO) {
                guest.start("checkpoint is in");
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
     * The primary is lost: tries to make this guest the one that counts. It stands still meanwhile.
     *
     * @param under the protection that must be in force still; empty: somebody who knows says that the primary is dead
     * @param runs whether the guest shall run then
     * @param takeOver done with the token won, before the guest runs
     */
    public StandbyEnd endStandby(Optional<UUID> under, boolean runs, Duration patience, Runnable takeOver) {
        lock.lock();
        try {
            boolean _ = stopForCheckpoint();
            RightToRun.Attempt attempt = right.winAsSecondary(under, patience);
            if (!attempt.isWon()) {
                return new StandbyEnd.Lost(attempt.reason(), attempt.owner() == GuestOwner.PEER && attempt.isFinal());
            }
            standby = false;
            takeOver.run();
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
                boolean _ = stopForCheckpoint();
                standby = false;
                right.release();
                guest.become(RunState.POSTMIGRATE, "the secondary is given up");
            }
        });
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
