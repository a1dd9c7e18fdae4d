// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.vcpu;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.OptionalLong;

/**
 * The beats of one vCPU, by windows of 10 ms: first and last beat and the longest gap that ended in each. Holds the
 * last {@link #HISTORY_NANOS}. Only the vCPU's thread beats; any thread may ask. Times are of {@link System#nanoTime},
 * which on Linux is CLOCK_MONOTONIC, the same in all processes of a host.
 */
public final class Heartbeat {
    /** Length of a window. */
    public static final long WINDOW_NANOS = 10_000_000;

    private static final int WINDOWS = 8192;

    /** How far back gaps are remembered: 82 seconds. */
    public static final long HISTORY_NANOS = WINDOWS * WINDOW_NANOS;

    private static final int FIELDS = 5;
    private static final int ID = 0;
    private static final int FIRST = 1;
    private static final int LAST = 2;
    private static final int LONGEST = 3;
    private static final int LONGEST_END = 4;

    private static final VarHandle LONGS = MethodHandles.arrayElementVarHandle(long[].class);

    private final long[] table = new long[WINDOWS * FIELDS];
    private volatile long count;
    private volatile long lastNanos;
    private volatile long firstNanos;

    private final HeldBeats held = new HeldBeats();

    Heartbeat() {
        for (int slot = 0; slot < WINDOWS; slot++) {
            table[slot * FIELDS + ID] = Long.MIN_VALUE;
        }
    }

    /** The guest beats at {@code now}, which is not before the last beat. The vCPU's thread only. */
    void beat(long now) {
        if (held.isHolding()) {
            held.add();
        } else {
            heard(now, 1);
        }
    }

    /**
     * The beats that are held back. While they are, their owner calls {@link #heard} and the vCPU's thread does not.
     */
    HeldBeats held() {
        return held;
    }

    /** The world hears so many beats at {@code now}. */
    @SuppressWarnings("NonAtomicVolatileUpdate") // one writer
    void heard(long now, long newBeats) {
        if (newBeats == 0) {
            return;
        }
        long beats = count;
        long gap = beats == 0 ? 0 : now - lastNanos;
        long id = Math.floorDiv(now, WINDOW_NANOS);
        int at = slot(id);
        if (table[at + ID] != id) {
            // ORDERING: readers that see the old number after the fields, see that it changed: they read it twice.
            LONGS.setVolatile(table, at + ID, Long.MIN_VALUE);
            set(at + FIRST, now);
            set(at + LONGEST, gap);
            set(at + LONGEST_END, now);
            set(at + LAST, now);
            LONGS.setVolatile(table, at + ID, id);
        } else {
            if (gap > table[at + LONGEST]) {
                set(at + LONGEST, gap);
                set(at + LONGEST_END, now);
            }
            set(at + LAST, now);
        }
        if (beats == 0) {
            firstNanos = now;
        }
        lastNanos = now;
        count = beats + newBeats;
    }

    /** How many beats the world has heard. */
    public long count() {
        return count;
    }

    /** The last beat; empty before the first. */
    public OptionalLong lastNanos() {
        return count == 0 ? OptionalLong.empty() : OptionalLong.of(lastNanos);
    }

    /** The very first beat on this host; empty before it. */
    public OptionalLong firstNanos() {
        return count == 0 ? OptionalLong.empty() : OptionalLong.of(firstNanos);
    }

    /**
     * The first beat after {@code time}, or empty if there is none yet. Exact when {@code time} lies before all beats
     * or in the longest gap of its window of 10 ms, as after a pause; else late by less than a window.
     */
    public OptionalLong firstAfter(long time) {
        OptionalLong last = lastNanos();
        if (last.isEmpty() || last.getAsLong() <= time) {
            return OptionalLong.empty();
        }
        Window window = new Window();
        long lastId = Math.floorDiv(last.getAsLong(), WINDOW_NANOS);
        for (long id = Math.max(Math.floorDiv(time, WINDOW_NANOS), lastId - WINDOWS + 1); id <= lastId; id++) {
            if (window.read(id) && window.last > time) {
                if (window.first > time) {
                    return OptionalLong.of(window.first);
                }
                boolean inLongest = window.longestEnd > time && window.longestEnd - window.longest <= time;
                return OptionalLong.of(inLongest ? window.longestEnd : window.last);
            }
        }
        return last;
    }

    /**
     * The longest time without a beat that touches the windows of 10 ms from {@code from} to {@code to}, in
     * nanoseconds. A gap that is still open at {@code to} counts as far as {@code to}; without any beat the whole time
     * is a gap.
     */
    public long longestGap(long from, long to) {
        OptionalLong last = lastNanos();
        if (last.isEmpty()) {
            return Math.max(0, to - from);
        }
        Window window = new Window();
        long longest = Math.max(0, to - last.getAsLong());
        long lastId = Math.floorDiv(last.getAsLong(), WINDOW_NANOS);
        long toId = Math.floorDiv(to, WINDOW_NANOS);
        long lastBefore = Long.MIN_VALUE;
        for (long id = Math.max(Math.floorDiv(from, WINDOW_NANOS), lastId - WINDOWS + 1); id <= lastId; id++) {
            if (window.read(id)) {
                if (id > toId) {
                    // The beat that ends the gap in which the time asked for ends.
                    boolean known = lastBefore != Long.MIN_VALUE;
                    long gap = known ? window.first - lastBefore : window.gapBeforeFirst();
                    return lastBefore >= to ? longest : Math.max(longest, gap);
                }
                longest = Math.max(longest, window.longest);
                lastBefore = window.last;
            }
        }
        return longest;
    }

    private void set(int at, long value) {
        LONGS.setOpaque(table, at, value);
    }

    private static int slot(long id) {
        return (int) Math.floorMod(id, (long) WINDOWS) * FIELDS;
    }

    /** A copy of one window's figures. */
    private final class Window {
        private long first;
        private long last;
        private long longest;
        private long longestEnd;

        boolean read(long id) {
            int at = slot(id);
            if ((long) LONGS.getVolatile(table, at + ID) != id) {
                return false;
            }
            first = (long) LONGS.getVolatile(table, at + FIRST);
            last = (long) LONGS.getVolatile(table, at + LAST);
            longest = (long) LONGS.getVolatile(table, at + LONGEST);
            longestEnd = (long) LONGS.getVolatile(table, at + LONGEST_END);
            return (long) LONGS.getVolatile(table, at + ID) == id;
        }

        long gapBeforeFirst() {
            return longestEnd == first ? longest : 0;
        }
    }
}
