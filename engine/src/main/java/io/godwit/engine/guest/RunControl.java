// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.guest;

import io.godwit.engine.arbiter.Arbiter;
import io.godwit.engine.environment.Environment;
import io.godwit.engine.outcome.GuestOwner;
import io.godwit.engine.outcome.MigrationException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.locks.Lock;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/**
 * The run state of one guest, and the only place where its vCPUs are started and stopped. vCPUs run only while this
 * host holds the guest's token (law "never two").
 *
 * <p>Threads: any. Control sessions call {@link #stop} and {@link #cont}; a migration calls the rest.
 */
public final class RunControl {
    /** Hears when the guest stops and goes on; called by the thread that caused it, must return at once. */
    public interface Listener {
        /** The guest stands still (event {@code STOP}). */
        void stopped();

        /** The guest runs (event {@code RESUME}). */
        void resumed();

        /**
         * The right to run is lost: what the guest had put out and was held back is dropped, and the guest will stand
         * still in a moment. On the arbiter's thread.
         */
        default void rightLost() {}
    }

    private static final System.Logger LOG = System.getLogger(RunControl.class.getName());
    private static final Duration PAUSE_DEADLINE = Duration.ofSeconds(5);

    private final Arrival guest;
    private final Vcpus vcpus;
    private final RightToRun right;
    private final LostRight lost;
    private final List<Listener> listeners = new CopyOnWriteArrayList<>();
    private final Lock lock;
    private volatile RunState state;
    private boolean waitsForCont;
    private final GuestCopy copy;

    /**
     * Takes charge of a guest whose vCPUs do not run yet, or of what only takes one in.
     *
     * @param initial {@link RunState#PRELAUNCH} for a guest that starts here, {@link RunState#INMIGRATE} for one that
     * is awaited
     */
    public RunControl(Arrival guest, Arbiter arbiter, RunState initial) {
        this(guest, arbiter, initial, Environment.SYSTEM);
    }

    /** The same in another environment than the process itself. */
    public RunControl(Arrival guest, Arbiter arbiter, RunState initial, Environment environment) {
        this.lock = environment.newLock();
        this.guest = guest;
        this.vcpus = guest.vcpus();
        this.right = new RightToRun(guest, arbiter);
        this.state = initial;
        VcpuSwitch vcpuSwitch = new Switch();
        this.lost = new LostRight(right, vcpuSwitch, environment, lock);
        this.copy = new GuestCopy(right, lost, vcpuSwitch, lock);
        right.watchLoss(this::lose);
    }

    /** What the guest is doing. A guest that crashed is {@link RunState#INTERNAL_ERROR} from then on. */
    public RunState state() {
        RunState now = state;
        return now == RunState.RUNNING && vcpus.failure().isPresent() ? RunState.INTERNAL_ERROR : now;
    }

    /** Adds one who hears of stops and resumes. */
    public void addListener(Listener listener) {
        listeners.add(listener);
    }

    /** Tells one no more. */
    public void removeListener(Listener listener) {
        boolean _ = listeners.remove(listener);
    }

    /** The guest as one of two copies. */
    public GuestCopy copy() {
        return copy;
    }

    /** Stops a running guest ({@code stop}). A guest that stands still already stays as it is. */
    public void stop() {
        lock.lock();
        try {
            copy.refuseIfStandby("stop");
            switch (state()) {
                case RUNNING -> {
                    vcpus.pause(PAUSE_DEADLINE);
                    lost.runWhenWon(false);
                    become(RunState.PAUSED, "stop");
                    tell(Listener::stopped);
                }
                case COLO -> copy.runAfterCheckpoint(false);
                case PRELAUNCH, PAUSED, POSTMIGRATE, INTERNAL_ERROR, SHUTDOWN -> lost.runWhenWon(false);
                case INMIGRATE ->
                    throw new MigrationException.Refused("The guest has not arrived yet; there is nothing to stop.");
                case FINISH_MIGRATE ->
                    throw new MigrationException.Refused(
                            "The guest stands still for the switchover; cancel the migration (migrate_cancel) to get "
                                    + "it back."
                                    + " In postcopy it lives at the destination.");
            }
        } finally {
            lock.unlock();
        }
    }

    /**
     * Lets the guest run ({@code cont}): after {@link #stop}, for the first time, or by an operator's decision after a
     * migration whose outcome nobody knows.
     *
     * @throws MigrationException.RightToRun if another host has the guest's token
     */
    public void cont() {
        lock.lock();
        try {
            copy.refuseIfStandby("cont");
            switch (state()) {
                case RUNNING -> {}
                case COLO -> copy.runAfterCheckpoint(true);
                case PRELAUNCH, PAUSED, POSTMIGRATE -> {
                    if (right.isLost()) {
                        lost.runWhenWon(true);
                        boolean _ = lost.regain();
                        requireRight();
                    } else {
                        right.claimOrThrow();
                        letRun("cont");
                    }
                }
                case INMIGRATE -> {
                    if (!waitsForCont) {
                        throw new MigrationException.Refused(
                                "The guest has not arrived yet; it starts by itself when it has.");
                    }
                    waitsForCont = false;
                }
                case FINISH_MIGRATE ->
                    throw new MigrationException.Refused(
                            "The guest stands still for the switchover: migrate-continue goes"
                                    + " on, migrate_cancel gets it back. In postcopy it lives at the destination.");
                case INTERNAL_ERROR, SHUTDOWN ->
                    throw new MigrationException.Refused(
                            "The guest cannot run: its state is " + state().publicName() + ".");
            }
        } finally {
            lock.unlock();
        }
    }

    /**
     * A guest that is awaited shall stand still when it has arrived, its memory may come behind it all the same, until
     * {@link #cont}: which before it arrives means that it starts by itself after all.
     *
     * @throws MigrationException.Refused if none is awaited
     */
    public void pauseOnArrival() {
        locked(() -> {
            if (state != RunState.INMIGRATE) {
                throw new MigrationException.Refused(
                        "No guest is awaited here; this one is " + state().publicName() + ". 'stop' stops it.");
            }
            waitsForCont = true;
        });
    }

    /**
     * Stops the guest for the switchover.
     *
     * @return whether it was running, and so shall run at the destination
     */
    public boolean stopForSwitchover() {
        lock.lock();
        try {
            right.requireNotLost();
            RunState now = state();
            boolean wasRunning = now == RunState.RUNNING;
            if (wasRunning) {
                vcpus.pause(PAUSE_DEADLINE);
            } else if (now != RunState.PAUSED && now != RunState.PRELAUNCH) {
                throw new MigrationException.Refused(
                        "The guest is " + now.publicName() + ": there is nothing to hand over.");
            }
            if (vcpus.failure().isPresent()) {
                throw new MigrationException.Machine("The guest has crashed: there is nothing to hand over.");
            }
            become(RunState.FINISH_MIGRATE, "switchover");
            if (wasRunning) {
                tell(Listener::stopped);
            }
            return wasRunning;
        } finally {
            lock.unlock();
        }
    }

    /**
     * Gives up the right to run, so that the destination can take it. From here on only {@link #takeBack} brings the
     * guest back.
     *
     * @throws MigrationException.RightToRun if it is lost already, so that the destination must not have the guest
     */
    public void releaseRightToRun() {
        locked(() -> {
            right.requireNotLost();
            right.release();
        });
    }

    /** The destination has the guest: this side keeps an empty shell. */
    public void handedOver() {
        locked(() -> become(RunState.POSTMIGRATE, "handed over"));
    }

    /**
     * Brings the guest back after a switchover that failed.
     *
     * @param run whether it ran before
     * @param peerMayRunWithoutToken whether the peer could have started the guest without asking the arbiter, so that
     *     winning the token proves nothing
     * @return who owns the guest now
     */
    public GuestOwner takeBack(boolean run, boolean peerMayRunWithoutToken) {
        lock.lock();
        try {
            if (state != RunState.FINISH_MIGRATE) {
                return GuestOwner.HERE;
            }
            if (peerMayRunWithoutToken) {
                return standStill(GuestOwner.UNDECIDED, "a peer without token may have it");
            }
            RightToRun.Attempt attempt = right.winBack();
            if (attempt.isWon()) {
                goOn(run);
            } else if (right.isLost() && !attempt.isFinal()) {
                become(RunState.PAUSED, "the right to run is lost");
                lost.regainInBackground(run);
                return GuestOwner.UNDECIDED;
            } else {
                return standStill(attempt.owner(), attempt.reason());
            }
            return GuestOwner.HERE;
        } finally {
            lock.unlock();
        }
    }

    /**
     * Tries to bring the guest back after a switch to postcopy whose connection broke. It comes back only if the
     * destination has not begun to run it; its memory is whole here as long as nobody has written to it. Otherwise it
     * stays as it is, stopped.
     *
     * @param run whether it ran before
     * @return {@link GuestOwner#HERE}, or who has it: {@link GuestOwner#UNDECIDED} if it ran at a host that is gone, or
     * nobody can be asked
     */
    public GuestOwner reclaim(boolean run) {
        lock.lock();
        try {
            RightToRun.Attempt attempt = right.winBack();
            if (attempt.isWon()) {
                goOn(run);
            }
            return attempt.owner();
        } finally {
            lock.unlock();
        }
    }

    /** A postcopy that is given up leaves the guest to {@code owner}, which is not this side. */
    public void leaveTo(GuestOwner owner) {
        locked(() -> {
            boolean _ = standStill(owner, "postcopy is given up") == owner;
        });
    }

    /** With the token won back. A guest that cannot be started is paused: {@code cont}, or its arbiter, starts it. */
    private void goOn(boolean run) {
        if (run) {
            try {
                letRun("taken back");
                return;
            } catch (RuntimeException | Error e) {
                LOG.log(
                        System.Logger.Level.ERROR,
                        "guest " + guest.identity() + " is here but could not be started",
                        e);
                lost.startLater(e);
            }
        }
        become(RunState.PAUSED, "taken back");
    }

    /**
     * Does something while the guest stands still, and lets it go on if it ran. A stop so short is no change of state:
     * nobody hears of it.
     *
     * @param deadline how long a vCPU may take to come out
     * @return false if nothing was done: a vCPU did not come out in time, or the guest has crashed or is not here to
     * run
     */
    public boolean whileStill(Duration deadline, Runnable work) {
        lock.lock();
        try {
            RunState now = state();
            if (now == RunState.PAUSED || now == RunState.COLO) {
                work.run();
                return true;
            }
            if (now != RunState.RUNNING) {
                return false;
            }
            vcpus.pause(deadline);
            if (vcpus.failure().isPresent()) {
                return false;
            }
            try {
                work.run();
            } finally {
                if (!right.isLost()) {
                    vcpus.resume();
                }
            }
            return true;
        } catch (VcpuStuckException e) {
            LOG.log(System.Logger.Level.DEBUG, "guest {0}: {1}", guest.identity(), e.getMessage());
            return false;
        } finally {
            lock.unlock();
        }
    }

    /**
     * Brings the guest back after its destination has died, from what the destination had sent back of it. Only where
     * both sides share the token: a destination that lives holds it.
     *
     * @param patience how long the token may take to become free
     * @param load puts the state into the guest, with the token held; returns whether the guest ran
     * @return {@link GuestOwner#HERE}: the guest goes on here; otherwise nothing has changed: {@link GuestOwner#PEER}:
     *     the destination lives; {@link GuestOwner#UNDECIDED}: nobody can be asked
     * @throws MigrationException.Machine if the state could not be loaded; the guest stands still, and nobody runs it
     */
    public GuestOwner takeBackFrom(Duration patience, BooleanSupplier load) {
        lock.lock();
        try {
            if (state != RunState.FINISH_MIGRATE && state != RunState.POSTMIGRATE) {
                throw new IllegalStateException(
                        "guest " + guest.identity() + " is " + state.publicName() + ", not away");
            }
            RightToRun.Attempt attempt = right.winFromTheDead(patience);
            if (attempt.isWon()) {
                goOn(loadHolding(load));
            }
            return attempt.owner();
        } finally {
            lock.unlock();
        }
    }

    private boolean loadHolding(BooleanSupplier load) {
        try {
            return load.getAsBoolean();
        } catch (RuntimeException | Error e) {
            GuestOwner _ = standStill(GuestOwner.UNDECIDED, "its state cannot be restored");
            throw new MigrationException.Machine(
                    "what the destination had sent back before it died cannot be loaded: "
                            + MigrationException.sentence(e),
                    e);
        }
    }

    /**
     * Whether the token of the guest that is arriving is one that its source holds too. An arbiter that finds it free
     * is not the source's, or the source has none: locks on two machines, say.
     *
     * @throws MigrationException.Protocol if the guest has arrived: the token is this side's, and must not be given up
     * to find out
     */
    public boolean sharesTokenWithSource() {
        lock.lock();
        try {
            if (state != RunState.INMIGRATE) {
                throw right.askedTooLate();
            }
            return right.sharesTokenWithSource();
        } finally {
            lock.unlock();
        }
    }

    /**
     * Takes the right to run a guest that has arrived.
     *
     * @throws MigrationException.RightToRun if the source took the guest back meanwhile
     */
    public void claimArrived() {
        locked(() -> right.claimOrThrow());
    }

    /**
     * Lets a guest that has arrived, and whose token {@link #claimArrived} has taken, run, or leaves it paused: as it
     * was, or as {@link #pauseOnArrival} wants it.
     */
    public void startArrived(boolean run) {
        lock.lock();
        try {
            if (run && !waitsForCont) {
                letRun("arrived");
            } else {
                right.record(Optional.empty());
                become(RunState.PAUSED, "arrived paused");
            }
        } finally {
            lock.unlock();
        }
    }

    /** What is awaited will not come, or came broken. */
    public void arrivalFailed() {
        locked(() -> {
            if (state == RunState.INMIGRATE) {
                right.release();
            }
        });
    }

    /** Ends the guest: vCPUs stopped, the token given back. */
    public void shutdown() {
        lock.lock();
        try {
            if (state == RunState.RUNNING) {
                vcpus.pause(PAUSE_DEADLINE);
            }
            become(RunState.SHUTDOWN, "quit");
            right.close();
        } finally {
            lock.unlock();
        }
    }

    /** Whether the guest stands still because nobody knows who owns it. */
    public boolean isUndecided() {
        return right.isUndecided();
    }

    /**
     * Does nothing while the guest is here with its right, or never had one.
     *
     * @throws MigrationException.RightToRun if the right to run is lost
     */
    public void requireRight() {
        right.requireNotLost();
    }

    /** Why the guest stands still although nobody stopped it, as a sentence. Any thread. */
    public Optional<String> whyStill() {
        return right.whyStill();
    }

    /** On the arbiter's thread: nothing of the guest leaves this host from now on, and it stands still. */
    private void lose() {
        guest.guest().flatMap(Guest::traffic).ifPresent(Traffic::drop);
        tell(Listener::rightLost);
        locked(() -> {
            copy.abandonProtection();
            lost.begin(state == RunState.RUNNING);
        });
    }

    /** For those who decide over the guest under this one's lock. */
    private final class Switch implements VcpuSwitch {
        @Override
        public boolean waits() {
            return state == RunState.RUNNING || state == RunState.PAUSED || state == RunState.PRELAUNCH;
        }

        @Override
        public RunState state() {
            return RunControl.this.state();
        }

        @Override
        public void stop() {
            if (state == RunState.RUNNING) {
                stopAs(RunState.PAUSED, "the right to run is lost");
            }
        }

        @Override
        public void stopAs(RunState next, String reason) {
            vcpus.pause(PAUSE_DEADLINE);
            if (next == RunState.COLO && vcpus.failure().isPresent()) {
                throw new MigrationException.Machine(
                        "The guest has crashed: there is nothing to make a checkpoint of.");
            }
            become(next, reason);
            tell(Listener::stopped);
        }

        @Override
        public void abandonProtection() {
            copy.abandonProtection();
        }

        @Override
        public void startWithRight(String reason) {
            letRun(reason);
        }

        @Override
        public void start(String reason) {
            startVcpus(reason);
        }

        @Override
        public void goOn(boolean run) {
            RunControl.this.goOn(run);
        }

        @Override
        public void become(RunState next, String reason) {
            RunControl.this.become(next, reason);
        }

        @Override
        public void leaveTo(GuestOwner owner, String reason) {
            boolean _ = standStill(owner, reason) == owner;
        }
    }

    /** The number of this host's claim to the guest, for devices that can tell an outdated host. Any thread. */
    public long fencingNumber() {
        return right.fencingNumber();
    }

    private GuestOwner standStill(GuestOwner owner, String reason) {
        right.leaveTo(owner);
        become(owner == GuestOwner.PEER ? RunState.POSTMIGRATE : RunState.PAUSED, reason);
        return owner;
    }

    private void letRun(String reason) {
        right.record(copy.protection());
        right.requireNotLost();
        startVcpus(reason);
    }

    private void startVcpus(String reason) {
        vcpus.resume();
        become(RunState.RUNNING, reason);
        tell(Listener::resumed);
    }

    private void locked(Runnable work) {
        lock.lock();
        try {
            work.run();
        } finally {
            lock.unlock();
        }
    }

    /** The guest's fate does not depend on who listens: an error of theirs is logged. */
    private void tell(Consumer<Listener> event) {
        for (Listener listener : listeners) {
            try {
                event.accept(listener);
            } catch (RuntimeException e) {
                LOG.log(System.Logger.Level.WARNING, "a listener to guest " + guest.identity() + " failed", e);
            }
        }
    }

    private void become(RunState next, String reason) {
        LOG.log(
                System.Logger.Level.DEBUG,
                "guest {0}: {1} -> {2}, {3}",
                guest.identity(),
                state.publicName(),
                next.publicName(),
                reason);
        state = next;
    }
}
