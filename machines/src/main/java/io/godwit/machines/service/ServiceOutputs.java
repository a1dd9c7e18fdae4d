// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.service;

import io.godwit.engine.guest.Outputs;
import java.util.ArrayDeque;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.LongSupplier;

/** The answers of a service as what its guest puts out. */
final class ServiceOutputs implements Outputs {
    // LIMIT: epochs that wait for their release; of more than that the newest are released together.
    private static final int EPOCHS = 64;

    /** An epoch and the last answer in it. */
    private record Epoch(long number, long answered) {}

    private final HeldAnswers held;
    private final ReentrantLock lock;
    private final LongSupplier answered;
    private final Runnable flush;
    private final ArrayDeque<Epoch> epochs = new ArrayDeque<>();
    private long epoch;

    /**
     * @param lock guards {@code held}
     * @param answered the number of the last answer
     * @param flush lets go what may leave, with the lock held
     */
    ServiceOutputs(HeldAnswers held, ReentrantLock lock, LongSupplier answered, Runnable flush) {
        this.held = held;
        this.lock = lock;
        this.answered = answered;
        this.flush = flush;
    }

    @Override
    public void hold() {
        locked(() -> {
            epoch = 0;
            epochs.clear();
            held.outputsGate(held.left());
        });
    }

    @Override
    public long closeEpoch() {
        locked(() -> {
            epoch++;
            if (epochs.size() == EPOCHS) {
                Epoch _ = epochs.removeLast();
            }
            epochs.add(new Epoch(epoch, answered.getAsLong()));
        });
        return epoch;
    }

    @Override
    public void release(long upTo) {
        locked(() -> {
            while (!epochs.isEmpty() && epochs.getFirst().number() <= upTo) {
                held.outputsGate(epochs.remove().answered());
            }
            flush.run();
        });
    }

    @Override
    public void passThrough() {
        locked(() -> {
            epochs.clear();
            held.outputsGate(HeldAnswers.OPEN);
            flush.run();
        });
    }

    @Override
    public void drop() {
        locked(() -> {
            epochs.clear();
            held.restart(answered.getAsLong());
            held.outputsGate(HeldAnswers.OPEN);
        });
    }

    @Override
    public long heldCount() {
        lock.lock();
        try {
            return held.count();
        } finally {
            lock.unlock();
        }
    }

    /** The guest has become another one: what was held is gone. With the lock held. */
    void restart(long last) {
        epochs.clear();
        if (!held.isOutputsGateOpen()) {
            held.outputsGate(last);
        }
    }

    private void locked(Runnable work) {
        lock.lock();
        try {
            work.run();
        } finally {
            lock.unlock();
        }
    }
}
