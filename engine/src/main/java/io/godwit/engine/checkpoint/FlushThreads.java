// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.checkpoint;

import io.godwit.engine.environment.Doorbell;
import io.godwit.engine.environment.Environment;
import io.godwit.engine.environment.ThreadRole;
import io.godwit.engine.environment.Worker;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntConsumer;

/**
 * Threads that do one thing together with the thread that wants it done, again and again. They sleep in between. Who
 * wakes too late for a round stays out of it, and nobody waits for him: so a round is never slower for the threads that
 * were woken for it.
 */
final class FlushThreads implements AutoCloseable {
    private static final int CLOSED = Integer.MIN_VALUE;
    private static final int SPINS = 2000;
    private static final long LONG_NANOS = 3_600_000_000_000L;

    private final Environment environment;
    private final List<Sleeper> sleepers = new ArrayList<>();
    /** How many sleepers are in the round; with {@link #CLOSED} added, nobody gets in any more. */
    private final AtomicInteger inside = new AtomicInteger(CLOSED);

    private volatile long round;
    private volatile boolean over;
    private volatile Optional<Throwable> failure = Optional.empty();
    private long rounds;
    private IntConsumer task = _ -> {};
    private Optional<Doorbell> caller = Optional.empty();

    /**
     * Starts all but the calling one of so many threads, or as many as the system gives.
     */
    FlushThreads(Environment environment, int threads) {
        this.environment = environment;
        try {
            for (int number = 1; number < threads; number++) {
                Sleeper sleeper = new Sleeper(number);
                sleeper.begin();
                sleepers.add(sleeper);
            }
        } catch (OutOfMemoryError _) {
            // The round is slower with fewer, and as good.
        }
    }

    /** How many there are, with the calling one. */
    int count() {
        return sleepers.size() + 1;
    }

    /**
     * Begins a round. For one thread at a time, which does its own part besides.
     *
     * @param work what each of the others does, told its number, which is above 0; ends when nothing is left to do
     */
    void begin(IntConsumer work) {
        task = work;
        failure = Optional.empty();
        caller = Optional.of(environment.newDoorbell());
        // ORDERING: who gets in sees what is to be done.
        inside.set(0);
    }

    /** So many of the others are to come. */
    void wake(int others) {
        round = ++rounds;
        for (int i = 0; i < others; i++) {
            sleepers.get(i).wake();
        }
    }

    /**
     * Ends the round: when this returns, nobody is at it any more.
     *
     * @throws IllegalStateException if one of the others failed
     */
    void end() {
        int _ = inside.getAndAdd(CLOSED);
        awaitOthers(caller.orElseThrow());
        failure.ifPresent(cause -> {
            throw new IllegalStateException("a thread of a flush failed: " + cause, cause);
        });
    }

    private void awaitOthers(Doorbell bell) {
        // The last piece of another thread takes less time than a thread needs to wake.
        for (int i = 0; i < SPINS && inside.get() != CLOSED; i++) {
            Thread.onSpinWait();
        }
        bell.prepare();
        while (inside.get() != CLOSED) {
            bell.sleep(LONG_NANOS);
        }
        bell.done();
    }

    private final class Sleeper implements Runnable {
        private final int number;
        private volatile Optional<Doorbell> bell = Optional.empty();
        private Optional<Worker> worker = Optional.empty();

        Sleeper(int number) {
            this.number = number;
        }

        void begin() {
            worker = Optional.of(environment.start(ThreadRole.FLUSH, this));
        }

        void wake() {
            // Who has no bell yet is about to look.
            bell.ifPresent(Doorbell::ring);
        }

        @Override
        public void run() {
            environment.answersAtOnce();
            Doorbell mine = environment.newDoorbell();
            bell = Optional.of(mine);
            long last = 0;
            while (!over) {
                long now = round;
                if (now != last) {
                    last = now;
                    join();
                } else {
                    mine.prepare();
                    if (round == last && !over) {
                        mine.sleep(LONG_NANOS);
                    }
                    mine.done();
                }
            }
        }

        private void join() {
            int now = inside.get();
            while (now >= 0) {
                int found = inside.compareAndExchange(now, now + 1);
                if (found == now) {
                    take();
                    return;
                }
                now = found;
            }
        }

        private void take() {
            try {
                task.accept(number);
            } catch (RuntimeException | Error e) {
                failure = Optional.of(e);
            } finally {
                if (inside.decrementAndGet() == CLOSED) {
                    caller.ifPresent(Doorbell::ring);
                }
            }
        }
    }

    /** Ends the threads. Harmless when repeated. */
    @Override
    public void close() {
        over = true;
        for (Sleeper sleeper : sleepers) {
            sleeper.wake();
            sleeper.worker.ifPresent(Worker::awaitEnd);
        }
    }
}
