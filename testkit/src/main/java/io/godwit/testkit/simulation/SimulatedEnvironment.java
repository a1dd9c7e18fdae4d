// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.testkit.simulation;

import io.godwit.engine.environment.Doorbell;
import io.godwit.engine.environment.Environment;
import io.godwit.engine.environment.MonotonicClock;
import io.godwit.engine.environment.ThreadRole;
import io.godwit.engine.environment.Worker;
import java.time.Duration;
import java.util.concurrent.locks.Lock;

/** One host of the simulated world: its threads take turns with those of all others. */
final class SimulatedEnvironment implements Environment {
    private final Baton baton;
    private final String host;

    SimulatedEnvironment(Baton baton, String host) {
        this.baton = baton;
        this.host = host;
    }

    @Override
    public MonotonicClock clock() {
        return baton::nanoTime;
    }

    @Override
    public Worker start(ThreadRole role, Runnable work) {
        Turn turn = baton.start(host + " " + role.threadName(), work);
        baton.note("starts", turn.number());
        baton.mayPass();
        return new TurnWorker(turn);
    }

    private final class TurnWorker implements Worker {
        private final Turn turn;

        TurnWorker(Turn turn) {
            this.turn = turn;
        }

        @Override
        public void awaitEnd() {
            while (!turn.ended) {
                boolean _ = baton.await(turn, Turn.NEVER);
            }
        }

        @Override
        public boolean awaitEnd(Duration timeout) {
            if (!turn.ended) {
                boolean _ = baton.await(turn, timeout.toNanos());
            }
            return turn.ended;
        }

        @Override
        public boolean isAlive() {
            return !turn.ended;
        }
    }

    @Override
    public Lock newLock() {
        return new SimulatedLock(baton);
    }

    @Override
    public Doorbell newDoorbell() {
        return new SimulatedDoorbell();
    }

    @Override
    public void pause(long nanos) {
        baton.spend(nanos);
    }

    @Override
    public void giveWay() {
        baton.giveWay();
    }

    @Override
    public void answersAtOnce() {
        // Who comes next is the seed's to say.
    }

    private final class SimulatedDoorbell implements Doorbell {
        private boolean waiting;
        private boolean rung;

        @Override
        public void ring() {
            if (waiting) {
                rung = true;
                baton.wakeAll(this);
            }
        }

        @Override
        public void prepare() {
            waiting = true;
            rung = false;
            baton.mayPass();
        }

        @Override
        public void sleep(long nanos) {
            if (!rung) {
                boolean _ = baton.await(this, nanos);
            }
        }

        @Override
        public void done() {
            waiting = false;
        }

        @Override
        public String toString() {
            return "its bell";
        }
    }
}
