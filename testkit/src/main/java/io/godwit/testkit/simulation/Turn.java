// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.testkit.simulation;

import java.util.Optional;
import java.util.concurrent.locks.LockSupport;

/** One thread of a simulation, as {@link Baton} sees it. Its fields are for who has the baton. */
final class Turn {
    static final long NEVER = Long.MAX_VALUE;

    private final int number;
    private final String name;
    private final Runnable work;
    private Optional<Thread> thread = Optional.empty();

    /** What it waits for; empty object if it can run. */
    Object awaited = RUNNABLE;

    /** When it stops waiting all the same. */
    long deadlineNanos = NEVER;

    /** Whether the wait that ended last ended because somebody woke it. */
    boolean woken;

    boolean ended;

    /** Marks a thread that waits for nothing but the baton. */
    static final Object RUNNABLE = new Object();

    Turn(int number, String name, Runnable work) {
        this.number = number;
        this.name = name;
        this.work = work;
    }

    /** Starts the thread. */
    void startThread(Runnable life) {
        thread = Optional.of(Thread.ofVirtual().name(name).start(life));
    }

    /** Lets it look whether it has the baton. */
    void unpark() {
        LockSupport.unpark(thread.orElseThrow());
    }

    /** Where it is. */
    StackTraceElement[] stackTrace() {
        return thread.orElseThrow().getStackTrace();
    }

    int number() {
        return number;
    }

    String name() {
        return name;
    }

    Runnable work() {
        return work;
    }

    boolean isRunnable() {
        return waitsFor(RUNNABLE) && !ended;
    }

    @SuppressWarnings("ReferenceEquality") // what is waited for is a thing, whatever it is equal to
    boolean waitsFor(Object what) {
        return awaited == what;
    }

    @Override
    public String toString() {
        return name + (ended ? " (ended)" : isRunnable() ? " (can run)" : " (waits for " + awaited + ")");
    }
}
