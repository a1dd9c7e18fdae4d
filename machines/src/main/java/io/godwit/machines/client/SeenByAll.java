// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.client;

import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicLongArray;

/**
 * What all clients together have seen: the highest fencing number, and which serials. Two guests would give one serial
 * twice; a guest that was set back gives one that is lower than a client knew when it asked. Any thread.
 */
final class SeenByAll {
    private static final int MAX_FINDINGS = 100;

    // LIMIT: a serial that was given twice is noticed if fewer than this many others came in between.
    private static final int SERIALS = 1 << 20;

    private final AtomicLong highestFencingNumber = new AtomicLong();
    private final AtomicLong highestSerial = new AtomicLong();
    private final AtomicLongArray serials = new AtomicLongArray(SERIALS);
    private final AtomicLong lastAnswer = new AtomicLong(System.nanoTime());
    private final AtomicLong longestGap = new AtomicLong();
    private final List<String> findings = new CopyOnWriteArrayList<>();

    /** Whether an answer with this number counts: it is not lower than one that was seen. */
    boolean isInForce(long fencingNumber) {
        return highestFencingNumber.accumulateAndGet(fencingNumber, Math::max) == fencingNumber;
    }

    long highestSerial() {
        return highestSerial.get();
    }

    /**
     * Checks the serial of an answer that is new to its client.
     *
     * @param request the client's number of it
     * @param before the highest serial that was known when the request was first sent
     */
    Optional<String> checkSerial(long request, long serial, long before) {
        if (serial <= before) {
            return Optional.of(
                    "request %d was the guest's number %d, and number %d was known before it was asked: it was set back"
                            .formatted(request, serial, before));
        }
        if (serials.getAndSet((int) (serial & (SERIALS - 1)), serial) == serial) {
            return Optional.of(
                    "the guest's number %d was given to two requests: there are two guests".formatted(serial));
        }
        long _ = highestSerial.accumulateAndGet(serial, Math::max);
        return Optional.empty();
    }

    /** A client was answered. */
    void answered(long now) {
        long gap = now - lastAnswer.getAndSet(now);
        long _ = longestGap.accumulateAndGet(gap, Math::max);
    }

    /** The longest time without an answer to anybody, up to {@code now}. */
    long longestGapNanos(long now) {
        return Math.max(longestGap.get(), now - lastAnswer.get());
    }

    void forgetGaps() {
        longestGap.set(0);
    }

    void find(int client, String what) {
        if (findings.size() < MAX_FINDINGS) {
            findings.add("Client " + client + ": " + what + ".");
        }
    }

    List<String> findings() {
        return List.copyOf(findings);
    }
}
