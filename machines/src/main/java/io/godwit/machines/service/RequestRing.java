// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.service;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/** Requests with consecutive numbers; grows with what is in it. Guarded by who owns it. */
final class RequestRing {
    private static final int FEW = 64;

    /**
     * One of them.
     *
     * @param from who waits for the answer; empty if nobody here does
     */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    record Request(byte[] content, Optional<Customer> from) {}

    private Request[] ring = new Request[FEW];
    private long first = 1;
    private long next = 1;

    /** The number of the first one there is, or of the next one if there is none. */
    long first() {
        return first;
    }

    /** One more than the number of the last. */
    long next() {
        return next;
    }

    int size() {
        return (int) (next - first);
    }

    /** Empties it; the next one has this number. */
    void restart(long number) {
        Arrays.fill(ring, null);
        first = number;
        next = number;
    }

    void add(Request request) {
        if (size() == ring.length) {
            Request[] larger = new Request[2 * ring.length];
            for (long number = first; number < next; number++) {
                larger[slot(number, larger)] = get(number);
            }
            ring = larger;
        }
        ring[slot(next, ring)] = request;
        next++;
    }

    /** The one with this number, which is there. */
    Request get(long number) {
        if (number < first || number >= next) {
            throw new IllegalArgumentException("request %d of %d to %d".formatted(number, first, next - 1));
        }
        return ring[slot(number, ring)];
    }

    /** Forgets those before this number. */
    void dropBefore(long number) {
        for (; first < Math.min(number, next); first++) {
            Arrays.fill(ring, slot(first, ring), slot(first, ring) + 1, null);
        }
    }

    /** Those from this number on. */
    List<Request> from(long number) {
        List<Request> found = new ArrayList<>();
        for (long at = Math.max(number, first); at < next; at++) {
            found.add(get(at));
        }
        return found;
    }

    private static int slot(long number, Request[] ring) {
        return (int) (number & (ring.length - 1));
    }
}
