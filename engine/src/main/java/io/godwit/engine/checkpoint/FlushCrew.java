// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.checkpoint;

import io.godwit.engine.environment.Environment;
import io.godwit.engine.report.FlushStatistics;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import java.util.stream.IntStream;

/** Who flushes: the threads, what each has in its hands, and that they do one thing at a time. */
final class FlushCrew {
    static final int MOST_THREADS = 64;

    private final Environment environment;
    private final FlushThreads threads;
    private final List<FlushHand> hands = new ArrayList<>();
    private final AtomicBoolean busy = new AtomicBoolean();
    private boolean closed;

    /** So many with the calling thread, see {@link #threads}, or as many as the system gives. */
    FlushCrew(Environment environment, int wanted) {
        this.environment = environment;
        this.threads = new FlushThreads(environment, threads(wanted));
        for (int i = 0; i < threads.count(); i++) {
            hands.add(new FlushHand());
        }
    }

    /** How many threads that is here: 0 = as many as there are processors. */
    static int threads(int wanted) {
        return wanted == 0 ? Math.min(MOST_THREADS, Runtime.getRuntime().availableProcessors()) : wanted;
    }

    /** How many there are. */
    int count() {
        return threads.count();
    }

    /** Throws while {@link #alone} is at work. */
    void refuseBeside() {
        if (busy.get()) {
            throw new IllegalStateException("a page comes into the cache while it is being flushed or filled");
        }
    }

    /** One at a time. */
    FlushStatistics alone(Supplier<List<FlushStatistics.Part>> work) {
        if (!busy.compareAndSet(false, true)) {
            throw new IllegalStateException("the cache is being flushed or filled already");
        }
        try {
            if (closed) {
                throw new IllegalStateException("the cache was closed");
            }
            long begin = environment.clock().nanoTime();
            List<FlushStatistics.Part> parts = work.get();
            return new FlushStatistics(environment.clock().nanoTime() - begin, parts);
        } finally {
            busy.set(false);
        }
    }

    /** Does it with at most so many threads; within {@link #alone}. */
    List<FlushStatistics.Part> share(FlushCourse course, int count) {
        hands.forEach(FlushHand::clear);
        AtomicInteger woken = new AtomicInteger();
        threads.begin(thread -> timed(hands.get(thread), () -> course.help(hands.get(thread))));
        try {
            timed(
                    hands.getFirst(),
                    () -> course.lead(hands.getFirst(), () -> {
                        woken.set(count - 1);
                        threads.wake(count - 1);
                    }));
        } finally {
            threads.end();
        }
        // One that was woken for an earlier round may have come to this one.
        return IntStream.range(0, hands.size())
                .filter(i -> i <= woken.get() || hands.get(i).hasCopied())
                .mapToObj(i -> hands.get(i).picture())
                .toList();
    }

    private void timed(FlushHand hand, Runnable part) {
        long begin = environment.clock().nanoTime();
        part.run();
        hand.worked(environment.clock().nanoTime() - begin);
    }

    /** Ends the threads, and does {@code last} once. Harmless when repeated. */
    void close(Runnable last) {
        if (!busy.compareAndSet(false, true)) {
            throw new IllegalStateException("the cache is being flushed or filled, and cannot be closed meanwhile");
        }
        try {
            if (!closed) {
                closed = true;
                threads.close();
                last.run();
            }
        } finally {
            busy.set(false);
        }
    }
}
