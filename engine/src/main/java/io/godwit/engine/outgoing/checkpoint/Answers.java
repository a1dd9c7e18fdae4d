// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing.checkpoint;

import io.godwit.engine.environment.Environment;
import io.godwit.engine.memory.RamBlocks;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.outgoing.wire.ColoWords;
import io.godwit.stream.ColoMessage;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;

/** What the secondary says on the main connection, for {@code mig-outgoing}, which waits for each word in its turn. */
final class Answers implements ColoWords.Listener {
    /** LIMIT: a secondary that keeps to the order never says more than three words before it is asked again. */
    private static final int MAX_AHEAD = 4;

    private final RamBlocks.Snapshot ram;
    private final Runnable onEnd;
    private final Lock lock;
    private final Condition changed;
    private final Deque<ColoMessage> arrived = new ArrayDeque<>();
    private Optional<String> end = Optional.empty();

    /** Has {@code onEnd} run when no more can come; what the secondary has written is to be sent as if written here. */
    Answers(RamBlocks.Snapshot ram, Environment environment, Runnable onEnd) {
        this.ram = ram;
        this.onEnd = onEnd;
        this.lock = environment.newLock();
        this.changed = lock.newCondition();
    }

    @Override
    public void message(ColoMessage message) {
        lock.lock();
        try {
            if (arrived.size() == MAX_AHEAD) {
                throw new MigrationException.Protocol(
                        "it said " + message + " before it was asked for " + MAX_AHEAD + " other words");
            }
            arrived.add(message);
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    @Override
    public void written(int blockIndex, int word, long bits) {
        ram.blocks().get(blockIndex).dirtyBitmap().or(word, bits);
    }

    @Override
    public void ended(String why) {
        lock.lock();
        try {
            end = end.or(() -> Optional.of(why));
            changed.signalAll();
        } finally {
            lock.unlock();
        }
        onEnd.run();
    }

    /**
     * Nothing is awaited, but the wire must be there.
     *
     * @throws MigrationException.Transport if it is not
     */
    void refuseIfEnded() {
        lock.lock();
        try {
            if (end.isPresent()) {
                throw new MigrationException.Transport("the secondary " + end.get());
            }
        } finally {
            lock.unlock();
        }
    }

    /**
     * Waits for the next word.
     *
     * @throws MigrationException if it is another one, does not come within {@code nanos}, or no more can come
     */
    void await(ColoMessage due, long nanos) {
        long left = nanos;
        lock.lock();
        try {
            while (arrived.isEmpty() && end.isEmpty() && left > 0) {
                left = changed.awaitNanos(left);
            }
            if (!arrived.isEmpty()) {
                ColoMessage message = arrived.remove();
                if (message != due) {
                    throw new MigrationException.Protocol(
                            "the secondary said " + message + " where " + due + " was due");
                }
            } else {
                throw new MigrationException.Transport(end.map(why -> "the secondary " + why)
                        .orElse("the secondary did not say " + due + " within " + nanos / 1_000_000 + " ms"));
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new MigrationException.Transport("this side is ending", e);
        } finally {
            lock.unlock();
        }
    }
}
