// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.qemu.relay;

import java.util.concurrent.locks.LockSupport;

/** Holds up a stream so that it carries no more than so many bytes a second. One thread. */
final class RateLimit {
    private static final long SECOND = 1_000_000_000;

    /** So much may go at once after a pause. */
    private static final long BURST_NANOS = SECOND / 50;

    private final long bytesPerSecond;
    private long nextNanos;

    /**
     * Begins.
     *
     * @param bytesPerSecond 0 for none
     */
    RateLimit(long bytesPerSecond) {
        this.bytesPerSecond = bytesPerSecond;
        nextNanos = System.nanoTime();
    }

    /** How many bytes shall pass at a time: few, so that others get between them. */
    int portion(int mostBytes) {
        return bytesPerSecond == 0 ? mostBytes : Math.clamp(bytesPerSecond / 50, 4096, mostBytes);
    }

    /** Waits until more may pass, after {@code count} bytes have. */
    void passed(int count) {
        if (bytesPerSecond == 0) {
            return;
        }
        long now = System.nanoTime();
        nextNanos = Math.max(nextNanos, now - BURST_NANOS) + (long) ((double) count * SECOND / bytesPerSecond);
        while (nextNanos - now > 0 && !Thread.currentThread().isInterrupted()) {
            LockSupport.parkNanos(nextNanos - now);
            now = System.nanoTime();
        }
    }
}
