// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.peer;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Predicate;

/** Collects lines of text from a stream in a thread of its own, and lets tests wait for one. */
final class Lines {
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private final List<String> lines = new ArrayList<>();
    private boolean ended;

    /** Starts reading {@code in}; the thread ends with the stream. */
    Lines(String threadName, InputStream in) {
        Thread.ofPlatform().daemon().name(threadName).start(() -> read(in));
    }

    /** How many lines have come so far; a mark for {@link #await}. */
    int count() {
        lock.lock();
        try {
            return lines.size();
        } finally {
            lock.unlock();
        }
    }

    List<String> all() {
        lock.lock();
        try {
            return List.copyOf(lines);
        } finally {
            lock.unlock();
        }
    }

    /**
     * The first line at or after index {@code from} that matches; empty if the stream ends or the time is over before
     * one comes.
     */
    Optional<String> await(int from, Predicate<String> wanted, Duration atMost) throws InterruptedException {
        long remainingNanos = atMost.toNanos();
        int next = from;
        lock.lockInterruptibly();
        try {
            while (true) {
                for (; next < lines.size(); next++) {
                    if (wanted.test(lines.get(next))) {
                        return Optional.of(lines.get(next));
                    }
                }
                if (ended || remainingNanos <= 0) {
                    return Optional.empty();
                }
                remainingNanos = changed.awaitNanos(remainingNanos);
            }
        } finally {
            lock.unlock();
        }
    }

    /** Waits until the stream has ended, so that {@link #all} is complete. */
    boolean awaitEnd(Duration atMost) throws InterruptedException {
        long deadline = System.nanoTime() + atMost.toNanos();
        lock.lockInterruptibly();
        try {
            while (!ended) {
                long remainingNanos = deadline - System.nanoTime();
                if (remainingNanos <= 0 || !changed.await(remainingNanos, TimeUnit.NANOSECONDS)) {
                    return ended;
                }
            }
            return true;
        } finally {
            lock.unlock();
        }
    }

    private void read(InputStream in) {
        try (BufferedReader reader = new BufferedReader(new InputStreamReader(in, StandardCharsets.UTF_8))) {
            for (String line = reader.readLine(); line != null; line = reader.readLine()) {
                add(line);
            }
        } catch (IOException e) {
            add("(reading ended: " + e.getMessage() + ")");
        } finally {
            lock.lock();
            try {
                ended = true;
                changed.signalAll();
            } finally {
                lock.unlock();
            }
        }
    }

    private void add(String line) {
        lock.lock();
        try {
            lines.add(line);
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }
}
