// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.environment;

import java.util.concurrent.locks.Lock;

/**
 * What the engine needs of the process that it runs in, besides memory and the wire: the time, threads, and ways to
 * wait. Whoever waits in the engine waits here or on a {@code Channel}, so that another environment can decide who runs
 * next and how late it is.
 *
 * <p>Threads: any.
 */
public interface Environment {
    /** The machine's clock, the kernel's threads. */
    Environment SYSTEM = of(MonotonicClock.SYSTEM);

    /** The kernel's threads with another clock: what waits still waits by the machine's. */
    static Environment of(MonotonicClock clock) {
        return new SystemEnvironment(clock);
    }

    /** The time. */
    MonotonicClock clock();

    /**
     * Starts a thread.
     *
     * @throws OutOfMemoryError if none can be made; {@code work} is not run then
     */
    Worker start(ThreadRole role, Runnable work);

    /**
     * A lock that may be entered again by its holder, with conditions. Needed where a thread waits on a condition, or
     * waits for anything else while it holds the lock.
     */
    Lock newLock();

    /** A bell of the calling thread. */
    Doorbell newDoorbell();

    /** Waits so long, or a little longer; an interrupt ends it early. */
    void pause(long nanos);

    /**
     * For a thread that moves much that nobody waits for: lets others run now, and goes on at once if there are none.
     */
    void giveWay();

    /** For a thread that somebody waits for when it wakes: it is to run soon then. A wish of the calling thread. */
    void answersAtOnce();
}
