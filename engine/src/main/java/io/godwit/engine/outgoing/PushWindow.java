// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing;

import io.godwit.engine.MigrationException;

/**
 * Bounds what of the push is on its way. Without a bound everything that fits into two socket buffers, some MiB, would stand ahead of a
 * page that the guest waits for. PINGs between PARTs mark positions in the stream; a PONG says that the destination's reader has got there.
 *
 * <p>The bound follows the wire: twice what it carries in its shortest round trip, which keeps it busy, and not less than {@link
 * #MIN_BYTES}, because the answering threads have to be woken too.
 *
 * <p>Threads: the pushing thread sends, the return path's thread answers.
 */
final class PushWindow {
    /** LIMIT: a quarter of a millisecond at a GB a second. */
    static final long MIN_BYTES = 256 << 10;

    /** LIMIT: enough for 10 GB a second and a round trip of 3 ms. */
    static final long MAX_BYTES = 64 << 20;

    /** PINGs of the window have this in their upper bits: the protocol's own count from 1. */
    static final int PING_BASE = 0x20000000;

    private static final int SEQUENCE_MASK = 0x0fffffff;
    private static final int UPPER_BITS = 0xf0000000;
    private static final int SLOTS = 1 << 12;
    // Each answer wakes the return path's thread, which costs as much as some pages; two keep the wire busy.
    private static final long PINGS_A_WINDOW = 2;

    private final long[] positionAt = new long[SLOTS];
    private final long[] nanosAt = new long[SLOTS];
    private final long[] answeredBytesAt = new long[SLOTS];

    // The pushing thread's.
    private long sentBytes;
    private long pingedBytes;
    private volatile int pings;

    // The return path's.
    private double bestBytesPerNano;
    private double shortestNanos = Double.MAX_VALUE;
    private volatile int pongs;
    private volatile long answeredBytes;
    private volatile long answeredNanos = Long.MIN_VALUE;
    private volatile long windowBytes = MIN_BYTES;

    /** Whether a PONG with this value belongs to a window. */
    static boolean isWindowPong(int value) {
        return (value & UPPER_BITS) == PING_BASE;
    }

    /**
     * Whether more may be sent now. With no answer due always: a window that has shrunk below what no PING stands behind yet would never open
     * again, and more bytes bring the next PING.
     */
    boolean isOpen() {
        return (sentBytes - answeredBytes < windowBytes || isQuiet()) && pings - pongs < SLOTS;
    }

    /** Accounts for bytes of pages that were written. */
    void sent(long bytes) {
        sentBytes += bytes;
    }

    /** Whether a PING is due behind {@code bytes} more. */
    boolean isPingDue(long bytes) {
        return sentBytes + bytes - pingedBytes >= windowBytes / PINGS_A_WINDOW && pings - pongs < SLOTS;
    }

    /**
     * The value of a PING that stands behind {@code bytes} more than were sent so far; written at {@code now}.
     *
     * @throws MigrationException.Transport if so many PINGs are without answer that another cannot be remembered
     */
    int nextPing(long bytes, long now) {
        int ping = pings;
        if (ping - pongs >= SLOTS) {
            throw new MigrationException.Transport("the destination has not answered " + SLOTS + " PINGs");
        }
        int slot = ping & (SLOTS - 1);
        pingedBytes = sentBytes + bytes;
        positionAt[slot] = pingedBytes;
        nanosAt[slot] = now;
        answeredBytesAt[slot] = answeredBytes;
        // ORDERING: publishes the slot to pong().
        pings = ping + 1;
        return PING_BASE | (ping & SEQUENCE_MASK);
    }

    /** Whether every PING has been answered. */
    boolean isQuiet() {
        return pings == pongs;
    }

    /** For how long the destination has owed an answer without giving any. */
    long silentNanos(long now) {
        int pong = pongs;
        if (pong == pings) {
            return 0;
        }
        long asked = now - nanosAt[pong & (SLOTS - 1)];
        return answeredNanos == Long.MIN_VALUE ? asked : Math.min(asked, now - answeredNanos);
    }

    /** How much may be on its way. */
    long windowBytes() {
        return windowBytes;
    }

    /**
     * Takes an answer.
     *
     * @throws MigrationException.Protocol if it does not answer the oldest PING that is open
     */
    void pong(int value, long now) {
        int pong = pongs;
        if (pong == pings || value != (PING_BASE | (pong & SEQUENCE_MASK))) {
            throw new MigrationException.Protocol("the destination sent PONG 0x" + Integer.toHexString(value)
                    + ", which answers no PING that is open");
        }
        int slot = pong & (SLOTS - 1);
        long position = positionAt[slot];
        double nanos = Math.max(1, now - nanosAt[slot]);
        double rate = (position - answeredBytesAt[slot]) / nanos;
        // The best of late: a slow sample may come from a guest that asks, from a rate limit, or from a busy machine.
        bestBytesPerNano = rate > bestBytesPerNano ? rate : bestBytesPerNano + (rate - bestBytesPerNano) / 512;
        shortestNanos = nanos < shortestNanos ? nanos : shortestNanos + (nanos - shortestNanos) / 4096;
        double bytes = 2 * bestBytesPerNano * shortestNanos;
        windowBytes = (long) Math.min(MAX_BYTES, Math.max(MIN_BYTES, bytes));
        answeredBytes = position;
        answeredNanos = now;
        pongs = pong + 1;
    }
}
