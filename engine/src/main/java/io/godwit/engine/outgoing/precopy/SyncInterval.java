// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing.precopy;

/** How long a pass may go on until it is synchronised in the background. Pure. */
final class SyncInterval {
    /** A sync may take a hundredth of the time where it helps, and a fiftieth in any case. */
    private static final int CHEAP_SHARE = 100;

    private static final int DEAREST_SHARE = 50;

    private static final int SHORTEST_PART = 10;

    /** Less than this says little about what a guest writes. */
    private static final long SHORTEST_NANOS = 200_000_000;

    private SyncInterval() {}

    /**
     * The interval: what the parameter says; less where syncs are cheap and throttling is in a hurry; more where they
     * are dear.
     *
     * @param parameterNanos what somebody asked for; 0 = never
     * @param costNanos what the latest sync took
     * @param hurry whether the next judgement is wanted soon
     * @return nanoseconds; 0 = never
     */
    static long nanos(long parameterNanos, long costNanos, boolean hurry) {
        if (parameterNanos == 0) {
            return 0;
        }
        long wanted = parameterNanos;
        if (hurry) {
            long shortest = Math.max(SHORTEST_NANOS, parameterNanos / SHORTEST_PART);
            wanted = Math.min(parameterNanos, Math.max(shortest, CHEAP_SHARE * costNanos));
        }
        return Math.max(wanted, DEAREST_SHARE * costNanos);
    }
}
