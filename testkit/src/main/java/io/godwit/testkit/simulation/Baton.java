// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.testkit.simulation;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * Real threads that take turns. Exactly one has the baton and runs; one that waits gives it to another, which the seed
 * chooses. When all wait, virtual time jumps to the earliest deadline; when none has a deadline, that is a deadlock,
 * and the simulation fails. Nothing here looks at a real clock, but for the guard against a thread that never gives the
 * baton away.
 *
 * <p>All state belongs to who has the baton. The threads are virtual ones: a turn costs a microsecond.
 */
public final class Baton {
    /** How long a turn may take in real time: the machine may be busy, but no thread computes for so long. */
    private static final Duration LONGEST_TURN = Duration.ofSeconds(60);

    /** So much time passes with each look at the clock, so that who only looks at it sees it go on. */
    private static final long LOOK_NANOS = 25;

    private final SplittableRandom random;
    private final Trace trace;
    private final long limitNanos;
    private final List<Turn> turns = new ArrayList<>();
    private final List<Turn> candidates = new ArrayList<>();
    private final CountDownLatch over = new CountDownLatch(1);
    private volatile Turn holder;
    private volatile Optional<Throwable> failure = Optional.empty();
    private volatile long handovers;
    private long nanos = 1;
    private int alive;

    /**
     * A baton that nobody has.
     *
     * @param limit of virtual time: a simulation that has not ended by then fails
     */
    public Baton(SplittableRandom random, Trace trace, Duration limit) {
        this.random = random;
        this.trace = trace;
        this.limitNanos = limit.toNanos();
        this.holder = new Turn(-1, "nobody", () -> {});
    }

    /**
     * Runs {@code first} and whatever it starts, until all threads have ended.
     *
     * @throws AssertionError if one of them failed, they wait for each other, or time is up; the others are left as
     * they are then
     */
    public void run(String name, Runnable first) {
        Turn turn = start(name, first);
        holder = turn;
        turn.unpark();
        awaitOver();
        failure.ifPresent(cause -> {
            throw new AssertionError(cause.getMessage() + "\n" + String.join("\n", picture()), cause);
        });
    }

    private void awaitOver() {
        long before = -1;
        try {
            while (!over.await(LONGEST_TURN.toMillis(), TimeUnit.MILLISECONDS)) {
                long now = handovers;
                if (now == before) {
                    fail(stuck());
                    return;
                }
                before = now;
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError("the simulation was interrupted", e);
        }
    }

    private AssertionError stuck() {
        AssertionError stuck = new AssertionError(holder.name() + " has had the baton for " + LONGEST_TURN.toSeconds()
                + " s: it computes, or waits for something that is not of this world");
        stuck.setStackTrace(holder.stackTrace());
        return stuck;
    }

    private List<String> picture() {
        return turns.stream().map(Turn::toString).toList();
    }

    /** Starts a thread, which runs when it gets the baton. */
    Turn start(String name, Runnable work) {
        Turn turn = new Turn(turns.size(), name, work);
        turns.add(turn);
        alive++;
        turn.startThread(() -> live(turn));
        return turn;
    }

    private void live(Turn me) {
        awaitTurn(me);
        try {
            me.work().run();
        } catch (Throwable e) {
            fail(new AssertionError(me.name() + " died: " + e, e));
            return;
        }
        step(me, "ends", 0);
        me.ended = true;
        alive--;
        wakeAll(me);
        if (alive == 0) {
            over.countDown();
        } else {
            pass(next());
        }
    }

    /** Ends the simulation; whoever has the baton keeps it for ever. */
    private void fail(Throwable cause) {
        failure = Optional.of(cause);
        over.countDown();
    }

    /** Now, in virtual nanoseconds. */
    long nanoTime() {
        nanos += LOOK_NANOS;
        return nanos;
    }

    /** What the seed chooses with. */
    SplittableRandom random() {
        return random;
    }

    /** Who has the baton. */
    Turn current() {
        return holder;
    }

    /** Notes what the current thread does. */
    void note(String event, long detail) {
        step(holder, event, detail);
    }

    private void step(Turn who, String event, long detail) {
        trace.step(who, nanos, event, detail);
    }

    /** A moment at which another thread may come before this one; the seed says whether it does. */
    void mayPass() {
        if (random.nextInt(4) == 0) {
            pass(next());
        }
    }

    /** Gives the baton to whoever the seed chooses, which may be the current thread. */
    void giveWay() {
        pass(next());
    }

    /**
     * Waits until somebody wakes who waits for {@code what}.
     *
     * @param atMostNanos of virtual time, or {@link Turn#NEVER}
     * @return whether somebody did; otherwise time is up
     */
    boolean await(Object what, long atMostNanos) {
        Turn me = holder;
        if (atMostNanos <= 0) {
            mayPass();
            return false;
        }
        me.awaited = what;
        me.woken = false;
        me.deadlineNanos = atMostNanos >= Turn.NEVER - nanos ? Turn.NEVER : nanos + atMostNanos;
        pass(next());
        return me.woken;
    }

    /** Lets so much virtual time pass, in which others run. */
    void spend(long spentNanos) {
        boolean _ = await("time", spentNanos);
    }

    /** All who wait for {@code what} can run again. */
    void wakeAll(Object what) {
        for (int i = 0; i < turns.size(); i++) {
            if (turns.get(i).waitsFor(what)) {
                wake(turns.get(i), true);
            }
        }
    }

    /** One who waits for {@code what} can run again. */
    void wakeOne(Object what) {
        for (int i = 0; i < turns.size(); i++) {
            if (turns.get(i).waitsFor(what)) {
                wake(turns.get(i), true);
                return;
            }
        }
    }

    private static void wake(Turn turn, boolean woken) {
        turn.awaited = Turn.RUNNABLE;
        turn.deadlineNanos = Turn.NEVER;
        turn.woken = woken;
    }

    /** Whose turn it is; moves time on if nobody can run. */
    private Turn next() {
        while (true) {
            long earliest = Turn.NEVER;
            candidates.clear();
            for (int i = 0; i < turns.size(); i++) {
                Turn turn = turns.get(i);
                if (!turn.isRunnable() && turn.deadlineNanos <= nanos) {
                    wake(turn, false);
                }
                if (turn.isRunnable()) {
                    candidates.add(turn);
                } else {
                    earliest = Math.min(earliest, turn.deadlineNanos);
                }
            }
            if (!candidates.isEmpty()) {
                return candidates.get(candidates.size() == 1 ? 0 : random.nextInt(candidates.size()));
            }
            if (earliest == Turn.NEVER) {
                throw end("a deadlock: everybody waits, and nobody for a time");
            }
            nanos = earliest;
            if (nanos > limitNanos) {
                throw end("no end after " + Duration.ofNanos(nanos).toSeconds() + " s of virtual time");
            }
        }
    }

    /** Ends the simulation, because something is wrong in it; the calling thread goes no further. */
    AssertionError end(String why) {
        fail(new AssertionError(why));
        while (true) {
            LockSupport.park(this);
        }
    }

    @SuppressWarnings("NonAtomicVolatileUpdate") // written by who has the baton
    private void pass(Turn to) {
        Turn me = holder;
        handovers++;
        if (to == me) {
            return;
        }
        step(to, "runs", 0);
        holder = to;
        to.unpark();
        if (!me.ended) {
            awaitTurn(me);
        }
    }

    private void awaitTurn(Turn me) {
        // ORDERING: what the last holder did is seen with its write of the holder.
        while (holder != me) {
            LockSupport.park(this);
        }
    }
}
