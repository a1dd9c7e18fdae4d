// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing.checkpoint;

import io.godwit.engine.environment.Environment;
import io.godwit.engine.outcome.MigrationException;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;

/** What people have decided about protection; each decision is made once. Any thread. */
public final class Decision {
    private final Lock lock;
    private final Condition made;
    private volatile boolean secondaryGivenUp;
    private volatile boolean cancelled;
    private volatile boolean hostEnds;

    /** Nothing is decided. */
    public Decision(Environment environment) {
        lock = environment.newLock();
        made = lock.newCondition();
    }

    /**
     * The secondary is lost for certain.
     *
     * @throws MigrationException.Refused if that was said already
     */
    public void giveUpSecondary() {
        lock.lock();
        try {
            if (secondaryGivenUp) {
                throw MigrationException.Refused.failoverAskedBefore();
            }
            secondaryGivenUp = true;
            made.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /** The guest shall go on here without a secondary. */
    public void cancel() {
        lock.lock();
        try {
            cancelled = true;
            made.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /** This host ends. */
    public void end() {
        lock.lock();
        try {
            hostEnds = true;
            made.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /** Whether somebody said that the guest is to go on here. */
    boolean isForThisSide() {
        return secondaryGivenUp || cancelled;
    }

    /** Whether this host ends, and nobody said that the guest is to go on here. */
    boolean isForTheOtherSide() {
        return hostEnds && !isForThisSide();
    }

    /** Whether anything was decided. */
    boolean isMade() {
        return secondaryGivenUp || cancelled || hostEnds;
    }

    /** Waits until something is. */
    void await() {
        lock.lock();
        try {
            while (!isMade()) {
                made.awaitUninterruptibly();
            }
        } finally {
            lock.unlock();
        }
    }
}
