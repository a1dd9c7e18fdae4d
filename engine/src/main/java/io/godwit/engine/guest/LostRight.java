// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.guest;

import io.godwit.engine.environment.Environment;
import io.godwit.engine.environment.ThreadRole;
import io.godwit.engine.environment.Worker;
import io.godwit.engine.outcome.MigrationException;
import java.time.Duration;
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

    /** The right is lost: the guest stands still when this returns, and a thread tries to win it back. */
    void begin() {
        LOG.log(System.Logger.Level.ERROR, right.whyStill().orElse("a right to run is lost"));
        if (subject.waits()) {
            boolean _ = standsStill();
            regainInBackground();
        }
    }

    /** Starts the thread that tries to win the right back. */
    void regainInBackground() {
        Worker _ = environment.start(ThreadRole.REGAIN, () -> {
            while (regain()) {
                environment.pause(INTERVAL.toNanos());
            }
        });
    }

    /** Tries once to win the right back, and lets the guest go on with it; whether to try again. */
    boolean regain() {
        lock.lock();
        try {
            if (!right.isLost() || !subject.waits()) {
                return false;
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
        } finally {
            lock.unlock();
        }
    }

    private boolean goesOn() {
        try {
            if (runsWhenWon) {
                subject.startWithRight("the right to run is won again");
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
