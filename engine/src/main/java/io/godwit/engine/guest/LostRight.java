// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.guest;

import io.godwit.engine.arbiter.ArbiterException;
import io.godwit.engine.environment.Environment;
import io.godwit.engine.environment.ThreadRole;
import io.godwit.engine.environment.Worker;
import io.godwit.engine.outcome.MigrationException;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.locks.Lock;

/**
 * What follows when the token of a guest that is here could not be kept: the guest stands still before anybody else can
 * have the token, and goes on by itself when it is won back and nobody else has run the guest meanwhile.
 *
 * <p>Threads: {@code right-to-run} tries to win it back; all else is called with {@link RunControl}'s lock.
 */
final class LostRight {
    private static final System.Logger LOG = System.getLogger(LostRight.class.getName());
    private static final Duration INTERVAL = Duration.ofMillis(200);

    private final RightToRun right;
    private final VcpuSwitch subject;
    private final Environment environment;
    private final Lock lock;
    private boolean runsWhenWon;
    /** A thread tries to win it back, and whether the guest shall run then is said. */
    private boolean tries;
    /** The guest shall run, and the right to is here. */
    private boolean startsLate;

    LostRight(RightToRun right, VcpuSwitch subject, Environment environment, Lock lock) {
        this.right = right;
        this.subject = subject;
        this.environment = environment;
        this.lock = lock;
    }

    /** Whether the guest shall run when the right is won back. */
    void runWhenWon(boolean run) {
        runsWhenWon = run;
    }

    /** Whether it will, as far as is known now. */
    boolean willRun() {
        return tries && runsWhenWon;
    }

    /**
     * The right is lost: the guest stands still when this returns, and a thread tries to win it back. Who comes so late
     * that it is won back already changes nothing.
     *
     * @param ran whether the guest ran
     */
    void begin(boolean ran) {
        if (!right.isLost()) {
            return;
        }
        LOG.log(System.Logger.Level.ERROR, right.whyStill().orElse("a right to run is lost"));
        if (subject.waits()) {
            boolean _ = standsStill();
            regainInBackground(ran);
        }
    }

    /**
     * Starts the thread that tries to win the right back, unless one does: whoever made the guest stand still came
     * first, and knows whether it ran.
     */
    void regainInBackground(boolean run) {
        if (tries) {
            return;
        }
        runsWhenWon = run;
        tries = true;
        Worker _ = environment.start(ThreadRole.REGAIN, () -> {
            while (regain()) {
                environment.pause(INTERVAL.toNanos());
            }
        });
    }

    /** The guest is here and could not be started: if that is since no arbiter answered, it starts when one does. */
    void startLater(Throwable why) {
        if (why instanceof ArbiterException || why instanceof MigrationException.RightToRun) {
            startsLate = true;
            regainInBackground(true);
        }
    }

    /** Tries once to win the right back, and lets the guest go on with it; whether to try again. */
    boolean regain() {
        lock.lock();
        try {
            boolean again = false;
            try {
                again = isToBeTriedAgain();
            } finally {
                // Also where it failed: another thread may try then.
                tries &= again;
            }
            return again;
        } finally {
            lock.unlock();
        }
    }

    private boolean isToBeTriedAgain() {
        if (!subject.waits()) {
            return false;
        }
        if (!right.isLost()) {
            startsLate &= isStillToStart();
            return startsLate;
        }
        if (!standsStill()) {
            return true;
        }
        RightToRun.Attempt attempt = right.winBackAtOnce();
        if (attempt.isWon()) {
            return !goesOn();
        }
        if (attempt.isFinal()) {
            LOG.log(System.Logger.Level.ERROR, "the right to run is lost for good: {0}", attempt.reason());
            subject.leaveTo(attempt.owner(), attempt.reason());
            return false;
        }
        right.stillLost(attempt.reason());
        return true;
    }

    private boolean isStillToStart() {
        if (!startsLate || !runsWhenWon || subject.state() != RunState.PAUSED) {
            return false;
        }
        try {
            subject.startWithRight("an arbiter answers again");
            return false;
        } catch (ArbiterException | MigrationException.RightToRun e) {
            LOG.log(System.Logger.Level.DEBUG, "the guest cannot be started yet", e);
            return true;
        }
    }

    private boolean goesOn() {
        try {
            // Whoever stood by must learn that it is outdated, also of a guest that is paused.
            subject.abandonProtection();
            if (runsWhenWon) {
                subject.startWithRight("the right to run is won again");
            } else {
                right.record(Optional.empty());
            }
            LOG.log(System.Logger.Level.WARNING, "a right to run that was lost is won again");
            return true;
        } catch (RuntimeException e) {
            right.release();
            right.stillLost("the guest could not be started: " + MigrationException.sentence(e));
            return false;
        }
    }

    /** A vCPU that does not come out runs without the right to: that is an error which the log must have. */
    private boolean standsStill() {
        try {
            subject.stop();
            return true;
        } catch (VcpuStuckException e) {
            LOG.log(System.Logger.Level.ERROR, "a guest runs without the right to: one of its vCPUs does not stop", e);
            return false;
        }
    }
}
