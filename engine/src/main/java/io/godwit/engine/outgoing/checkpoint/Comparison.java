// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing.checkpoint;

import io.godwit.engine.checkpoint.ColoProgress;
import io.godwit.engine.environment.Environment;
import io.godwit.engine.environment.MonotonicClock;
import io.godwit.engine.guest.Traffic;
import io.godwit.engine.outcome.MigrationException;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.OptionalLong;
import java.util.concurrent.locks.Lock;

/**
 * Compares what the two guests say. An answer of ours that the other guest gives too may leave; one that differs asks
 * for a checkpoint, behind which both are the same again. Answers of before a checkpoint are covered by it.
 *
 * <p>Threads: {@link #ours} the guest's, {@link #theirs} and {@link #release} {@code mig-compare}, the rest {@code
 * mig-outgoing}.
 */
final class Comparison {
    /** LIMIT: what the other guest may have said ahead of ours. */
    private static final long MAX_AHEAD_BYTES = 16L << 20;

    private static final int MAX_AHEAD = 262_144;

    @SuppressWarnings("ArrayRecordComponent") // compared by hand
    private record Answer(long number, byte[] content, long nanos) {}

    private final Traffic traffic;
    private final CheckpointTimer timer;
    private final ColoProgress progress;
    private final MonotonicClock clock;
    private final Lock lock;
    private final Deque<Answer> ours = new ArrayDeque<>();
    private final Deque<Answer> theirs = new ArrayDeque<>();
    private long theirBytes;
    private long generation;
    private boolean diverged;
    /** Up to which answer what both have said may leave, and has not been let go; empty if there is none. */
    private OptionalLong agreed = OptionalLong.empty();

    Comparison(Traffic traffic, CheckpointTimer timer, ColoProgress progress, Environment environment) {
        this.traffic = traffic;
        this.timer = timer;
        this.progress = progress;
        this.clock = environment.clock();
        this.lock = environment.newLock();
    }

    /** Our guest has answered; returns whether the other guest has said the same before. */
    boolean ours(long number, byte[] content) {
        lock.lock();
        try {
            ours.add(new Answer(number, content, clock.nanoTime()));
            return compare().isPresent();
        } finally {
            lock.unlock();
        }
    }

    /**
     * The other guest has answered, after so many checkpoints. What both have said leaves with the next {@link
     * #release}.
     *
     * @throws MigrationException.Protocol if it says more than anybody can use
     */
    void theirs(long theirGeneration, long number, byte[] content) {
        lock.lock();
        try {
            if (theirGeneration != generation) {
                return;
            }
            theirBytes += content.length;
            if (theirBytes > MAX_AHEAD_BYTES || theirs.size() == MAX_AHEAD) {
                throw new MigrationException.Protocol("the secondary is " + theirs.size() + " answers ahead");
            }
            theirs.add(new Answer(number, content, clock.nanoTime()));
            OptionalLong same = compare();
            agreed = same.isPresent() ? same : agreed;
        } finally {
            lock.unlock();
        }
    }

    /** Lets go what both have said. */
    void release() {
        OptionalLong upTo;
        lock.lock();
        try {
            upTo = agreed;
            agreed = OptionalLong.empty();
        } finally {
            lock.unlock();
        }
        upTo.ifPresent(traffic::release);
    }

    /** Up to which answer both agree now; empty if no further than before. */
    private OptionalLong compare() {
        OptionalLong same = OptionalLong.empty();
        while (!diverged && !ours.isEmpty() && !theirs.isEmpty()) {
            Answer one = ours.element();
            Answer other = theirs.remove();
            theirBytes -= other.content().length;
            if (one.number() == other.number() && Arrays.equals(one.content(), other.content())) {
                Answer _ = ours.remove();
                progress.same();
                same = OptionalLong.of(one.number());
            } else if (other.number() >= one.number()) {
                diverged = true;
                progress.diverged();
                timer.ask("the two guests differ in answer " + one.number());
            }
        }
        return same;
    }

    /** Our guest stands still and its state is taken: what it has said so far belongs to the checkpoint. */
    void taken() {
        lock.lock();
        try {
            generation++;
            timer.taken();
            ours.clear();
            theirs.clear();
            theirBytes = 0;
            diverged = false;
        } finally {
            lock.unlock();
        }
    }

    /** When the oldest answer without a counterpart was given; empty if there is none. */
    OptionalLong oldestNanos() {
        lock.lock();
        try {
            return ours.isEmpty() || diverged
                    ? OptionalLong.empty()
                    : OptionalLong.of(ours.element().nanos());
        } finally {
            lock.unlock();
        }
    }
}
