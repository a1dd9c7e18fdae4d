// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.testkit.simulation;

import java.util.Date;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;

/** A lock of the simulated world: who waits for it, or on one of its conditions, gives the baton away. */
final class SimulatedLock implements Lock {
    private final Baton baton;
    private Optional<Turn> owner = Optional.empty();
    private int entries;

    SimulatedLock(Baton baton) {
        this.baton = baton;
    }

    @Override
    public void lock() {
        if (isMine()) {
            entries++;
            return;
        }
        baton.mayPass();
        take(1);
    }

    private void take(int times) {
        while (owner.isPresent()) {
            boolean _ = baton.await(this, Turn.NEVER);
        }
        owner = Optional.of(baton.current());
        entries = times;
    }

    private boolean isMine() {
        return owner.isPresent() && owner.get() == baton.current();
    }

    @Override
    public void unlock() {
        if (!isMine()) {
            throw new IllegalMonitorStateException(baton.current().name() + " does not have this lock");
        }
        entries--;
        if (entries == 0) {
            free();
        }
    }

    private int free() {
        int times = entries;
        owner = Optional.empty();
        entries = 0;
        baton.wakeAll(this);
        return times;
    }

    @Override
    public boolean tryLock() {
        if (owner.isPresent() && !isMine()) {
            return false;
        }
        lock();
        return true;
    }

    @Override
    public void lockInterruptibly() {
        lock();
    }

    @Override
    public boolean tryLock(long time, TimeUnit unit) {
        throw new UnsupportedOperationException("nobody asked for a lock with a time limit yet");
    }

    @Override
    public Condition newCondition() {
        return new SimulatedCondition();
    }

    @Override
    public String toString() {
        return "a lock of " + owner.map(Turn::name).orElse("nobody");
    }

    private final class SimulatedCondition implements Condition {
        /** Returns whether somebody signalled. */
        private boolean sleep(long atMostNanos) {
            if (!isMine()) {
                throw new IllegalMonitorStateException(baton.current().name() + " does not have this lock");
            }
            int times = entries;
            entries = 0;
            owner = Optional.empty();
            baton.wakeAll(SimulatedLock.this);
            boolean signalled = baton.await(this, atMostNanos);
            take(times);
            return signalled;
        }

        @Override
        public void await() {
            boolean _ = sleep(Turn.NEVER);
        }

        @Override
        public void awaitUninterruptibly() {
            boolean _ = sleep(Turn.NEVER);
        }

        @Override
        public long awaitNanos(long nanos) {
            long until = baton.nanoTime() + nanos;
            boolean _ = sleep(nanos);
            return until - baton.nanoTime();
        }

        @Override
        public boolean await(long time, TimeUnit unit) {
            return sleep(unit.toNanos(time));
        }

        @Override
        public boolean awaitUntil(Date deadline) {
            throw new UnsupportedOperationException("there is no calendar in this world");
        }

        @Override
        public void signal() {
            baton.wakeOne(this);
        }

        @Override
        public void signalAll() {
            baton.wakeAll(this);
        }

        @Override
        public String toString() {
            return "a condition";
        }
    }
}
