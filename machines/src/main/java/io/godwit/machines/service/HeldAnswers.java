// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.service;

import java.util.ArrayDeque;
import java.util.Optional;
import java.util.function.LongSupplier;

/**
 * Answers on their way out, in order, behind two gates: each lets pass the answers up to a number, and an answer leaves
 * when both do. Guarded by who owns it.
 */
final class HeldAnswers {
    /** A gate that stands open. */
    static final long OPEN = Long.MAX_VALUE;

    @SuppressWarnings("ArrayRecordComponent") // never compared
    private record Held(byte[] content, Optional<Customer> to) {}

    private final ArrayDeque<Held> held = new ArrayDeque<>();
    private long outputsGate = OPEN;
    private long trafficGate = OPEN;
    private long left;

    /** The number of the last answer that has left. */
    long left() {
        return left;
    }

    int count() {
        return held.size();
    }

    /** What {@link io.godwit.engine.guest.Outputs} lets pass. */
    void outputsGate(long upTo) {
        outputsGate = upTo;
    }

    /** What {@link io.godwit.engine.guest.Traffic} lets pass. */
    void trafficGate(long upTo) {
        trafficGate = upTo;
    }

    long trafficGate() {
        return trafficGate;
    }

    boolean isOutputsGateOpen() {
        return outputsGate == OPEN;
    }

    /** The next answer. */
    void add(byte[] content, Optional<Customer> to) {
        held.add(new Held(content, to));
    }

    /** Lets go what may leave; whether that was anything. */
    boolean flush(LongSupplier fencingNumber) {
        long upTo = Math.min(outputsGate, trafficGate);
        if (held.isEmpty() || left >= upTo) {
            return false;
        }
        long number = fencingNumber.getAsLong();
        while (left < upTo && !held.isEmpty()) {
            Held next = held.remove();
            left++;
            next.to().ifPresent(customer -> customer.answer(number, next.content()));
        }
        return true;
    }

    /** Forgets all that is held; the next answer has the number after this one. */
    void restart(long answered) {
        held.clear();
        left = answered;
    }
}
