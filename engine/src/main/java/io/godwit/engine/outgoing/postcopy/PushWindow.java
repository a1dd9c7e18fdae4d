// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing.postcopy;

import io.godwit.engine.outcome.MigrationException;

/**
 * Bounds what of the push is on its way. Without a bound everything that fits into two socket buffers, some MiB, would
 * stand ahead of a page that the guest waits for. PINGs between PARTs mark positions in the stream; a PONG says that
 * the destination's reader has got there.
 *
 * <p>The bound follows the wire: twice what it carries in its shortest round trip, which keeps it busy, and not less
 * than it carries in a quarter of a millisecond, because the answering threads have to be woken too. A round trip
 * behind what was sent before tells more of that than of the wire, and a bound made from it would feed itself; so now
 * and then all answers are awaited, and the next one is the measure (as BBR does: Cardwell et al., 2016).
 *
 * <p>Threads: the pushing thread sends, the return path's thread answers.
 */
final class PushWindow {
    /** LIMIT: some batches; half a millisecond of a wire of 1 Gbit/s. */
    static final long MIN_BYTES = 64 << 10;

    private static final long WAKING_NANOS = 250_000;

    /** What the wire carries is measured over so long at least: less would be the size of its buffers. */
    private static final long RATE_NANOS = 5_000_000;

    // From one measure of the empty wire to the next. The first ones come soon: behind the package the destination is
    // slow.
    private static final long FIRST_PROBE_NANOS = 20_000_000;
    private static final long LAST_PROBE_NANOS = 2_000_000_000;

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

    // The pushing thread's.
    private long sentBytes;
    private long pingedBytes;
    private boolean probing = true;
    private long probedNanos;
    private long probeNanos = FIRST_PROBE_NANOS;
    private int probe;
    private volatile int pings;

    // The return path's.
    private double bestBytesPerNano;
    private long rateSinceNanos;
    private long rateSinceBytes;
    private long emptyWireNanos;
    private volatile int pongs;
    private volatile long answeredBytes;
    private volatile long answeredNanos = Long.MIN_VALUE;
    private volatile long windowBytes = MIN_BYTES;

    /** Whether a PONG with this value belongs to a window. */
    static boolean isWindowPong(int value) {
        return (value & UPPER_BITS) == PING_BASE;
    }

    /**
     * Whether more may be sent now. With no answer due always: a window that has shrunk below what no PING stands
     * behind yet would never open again, and more bytes bring the next PING.
     */
    boolean isOpen() {
        return isQuiet() || (!probing && sentBytes - answeredBytes < windowBytes && pings - pongs < SLOTS);
    }

    /** Accounts for bytes of pages that were written. */
    void sent(long bytes) {
        sentBytes += bytes;
    }

    /** Whether a PING is due behind {@code bytes} more. */
    boolean isPingDue(long bytes) {
        return ((probing && isQuiet()) || sentBytes + bytes - pingedBytes >= windowBytes / PINGS_A_WINDOW)
                && pings - pongs < SLOTS;
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
        if (probing && isQuiet()) {
            probing = false;
            probe = ping;
            probedNanos = now;
        } else if (now - probedNanos > probeNanos) {
            probing = true;
            probeNanos = Math.min(LAST_PROBE_NANOS, 2 * probeNanos);
        }
        // ORDERING: publishes the slot, and which ping is the probe, to pong().
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
        if (pong == probe) {
            measureEmptyWire(now - nanosAt[slot]);
        }
        measureRate(position, now);
        double bytes = bestBytesPerNano * Math.max(WAKING_NANOS, 2 * emptyWireNanos);
        windowBytes = (long) Math.clamp(bytes, MIN_BYTES, MAX_BYTES);
        answeredBytes = position;
        answeredNanos = now;
        pongs = pong + 1;
    }

    /** The shortest of late: a longer one may come from a busy machine. */
    private void measureEmptyWire(long nanos) {
        boolean shorter = emptyWireNanos == 0 || nanos < emptyWireNanos;
        emptyWireNanos = shorter ? nanos : emptyWireNanos + (nanos - emptyWireNanos) / 4;
    }

    /** The best of late: a lower rate may come from a guest that asks, from a rate limit, or from a busy machine. */
    private void measureRate(long position, long now) {
        if (rateSinceNanos == 0) {
            rateSinceNanos = now;
            rateSinceBytes = position;
        }
        long nanos = now - rateSinceNanos;
        if (nanos >= RATE_NANOS) {
            double rate = (double) (position - rateSinceBytes) / nanos;
            bestBytesPerNano = rate > bestBytesPerNano ? rate : bestBytesPerNano + (rate - bestBytesPerNano) / 16;
            rateSinceNanos = now;
            rateSinceBytes = position;
        }
    }
}
