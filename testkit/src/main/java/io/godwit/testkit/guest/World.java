// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.testkit.guest;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.engine.guest.Outputs;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/** What the world sees of a guest that counts: numbers, which must come one after the other. */
public final class World implements Outputs {
    /** A world that has seen nothing. */
    public World() {}

    private record Held(long number, long epoch) {}

    private final Deque<Held> held = new ArrayDeque<>();
    private final List<Long> epochEnds = new ArrayList<>();
    private boolean holding;
    private boolean mayMiss;
    private long epoch = 1;
    private volatile Runnable beforeEpochEnds = () -> {};
    private long seen = -1;

    /** The guest says its next number. */
    public synchronized void putOut(long number) {
        if (holding) {
            held.addLast(new Held(number, epoch));
        } else {
            see(number);
        }
    }

    private void see(long number) {
        if (mayMiss) {
            assertThat(number).as("what the world sees next").isGreaterThan(seen);
        } else if (seen >= 0) {
            assertThat(number).as("what the world sees next").isEqualTo(seen + 1);
        }
        seen = number;
    }

    /** Numbers may be seen elsewhere meanwhile, but none goes back. */
    public synchronized void mayMiss() {
        mayMiss = true;
    }

    /** The last number that the world saw; -1 before the first. */
    public synchronized long seen() {
        return seen;
    }

    /** Whether numbers wait. */
    public synchronized boolean isHolding() {
        return holding;
    }

    @Override
    public synchronized void hold() {
        holding = true;
    }

    /** Is called before each end of an epoch. */
    public void beforeEpochEnds(Runnable work) {
        beforeEpochEnds = work;
    }

    @Override
    public long closeEpoch() {
        beforeEpochEnds.run();
        synchronized (this) {
            epochEnds.add(epoch);
            return epoch++;
        }
    }

    @Override
    public synchronized void release(long upTo) {
        while (!held.isEmpty() && held.getFirst().epoch() <= upTo) {
            see(held.removeFirst().number());
        }
    }

    @Override
    public synchronized void passThrough() {
        while (!held.isEmpty()) {
            see(held.removeFirst().number());
        }
        holding = false;
    }

    @Override
    public synchronized void drop() {
        held.clear();
        holding = false;
    }

    @Override
    public synchronized long heldCount() {
        return held.size();
    }
}
