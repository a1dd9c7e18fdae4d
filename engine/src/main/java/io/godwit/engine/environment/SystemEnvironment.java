// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.environment;

import io.godwit.linux.process.Scheduling;
import io.godwit.linux.process.ThreadEnd;
import java.time.Duration;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;

/** The process as it is. */
final class SystemEnvironment implements Environment {
    private final MonotonicClock clock;

    SystemEnvironment(MonotonicClock clock) {
        this.clock = clock;
    }

    @Override
    public MonotonicClock clock() {
        return clock;
    }

    @Override
    public Worker start(ThreadRole role, Runnable work) {
        return new ThreadWorker(Thread.ofPlatform()
                .name(role.threadName())
                .daemon(!role.keepsProcess())
                .start(work));
    }

    private record ThreadWorker(Thread thread) implements Worker {
        @Override
        public void awaitEnd() {
            ThreadEnd.await(thread);
        }

        @Override
        public boolean awaitEnd(Duration timeout) throws InterruptedException {
            return thread.join(timeout);
        }

        @Override
        public boolean isAlive() {
            return thread.isAlive();
        }
    }

    @Override
    public Lock newLock() {
        return new ReentrantLock();
    }

    @Override
    public Doorbell newDoorbell() {
        return new ParkingDoorbell();
    }

    @Override
    public void pause(long nanos) {
        LockSupport.parkNanos(nanos);
    }

    @Override
    public void giveWay() {
        Scheduling.giveWay();
    }

    @Override
    public void answersAtOnce() {
        boolean _ = Scheduling.answersAtOnce();
    }

    private static final class ParkingDoorbell implements Doorbell {
        private final Thread listener = Thread.currentThread();
        private volatile boolean waiting;

        @Override
        public void ring() {
            if (waiting) {
                LockSupport.unpark(listener);
            }
        }

        @Override
        public void prepare() {
            waiting = true;
        }

        @Override
        public void sleep(long nanos) {
            LockSupport.parkNanos(this, nanos);
        }

        @Override
        public void done() {
            waiting = false;
        }
    }
}
