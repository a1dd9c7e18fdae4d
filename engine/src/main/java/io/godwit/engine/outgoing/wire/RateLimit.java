// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing.wire;

import io.godwit.engine.environment.MonotonicClock;

/**
 * Keeps a sender at {@code max-bandwidth}. Each byte sent moves the moment at which the next may leave; a pause in
 * sending saves up at most {@link #BURST_NANOS} of it.
 */
public final class RateLimit {
    static final long BURST_NANOS = 2_000_000;

    private final MonotonicClock clock;
    private long nextNanos;
    private long lastBytesPerSecond;

    public RateLimit(MonotonicClock clock) {
        this.clock = clock;
        this.nextNanos = clock.nanoTime();
    }

    /**
     * Accounts for bytes that were sent.
     *
     * @param bytesPerSecond the limit that holds now; 0 = none
     * @return how long to wait before the next byte, in nanoseconds; 0 = go on
     */
    public long sent(long bytes, long bytesPerSecond) {
        long now = clock.nanoTime();
        long last = lastBytesPerSecond;
        lastBytesPerSecond = bytesPerSecond;
        if (bytesPerSecond == 0) {
            nextNanos = now;
            return 0;
        }
        if (last != 0 && bytesPerSecond != last) {
            // What is owed at the old rate is forgiven, so that a new limit holds at once.
            nextNanos = Math.min(nextNanos, now);
        }
        long cost = (long) ((double) bytes * 1e9 / bytesPerSecond);
        nextNanos = Math.max(nextNanos, now - BURST_NANOS) + cost;
        return Math.max(0, nextNanos - now);
    }
}
