// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.epochs;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.engine.guest.Outputs;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/** What the world sees of a guest that counts: numbers, which must come one after the other. */
final class World implements Outputs {
    private record Held(long number, long epoch) {}

    private final Deque<Held> held = new ArrayDeque<>();
    private final List<Long> epochEnds = new ArrayList<>();
    private boolean holding;
    private long epoch = 1;
    private long seen;

    synchronized void putOut(long number) {
        if (holding) {
            held.addLast(new Held(number, epoch));
        } else {
            see(number);
        }
    }

    private void see(long number) {
        assertThat(number).as("what the world sees next").isEqualTo(seen + 1);
        seen = number;
    }

    /** The last number that the world saw. */
    synchronized long seen() {
        return seen;
    }

    synchronized boolean isHolding() {
        return holding;
    }

    @Override
    public synchronized void hold() {
        holding = true;
    }

    @Override
    public synchronized long closeEpoch() {
        epochEnds.add(epoch);
        return epoch++;
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
    public synchronized long heldCount() {
        return held.size();
    }
}
