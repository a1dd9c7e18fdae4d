// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.policy;

/**
 * When the first pass, which may be long, is looked into for what the guest writes: often at first, so that little is
 * sent in vain, and after that each time it is a quarter older. Pure.
 */
public final class FirstPassLooks {
    /** The first look, in nanoseconds after the pass has begun; two looks are no nearer to each other either. */
    public static final long FIRST_NANOS = 60_000_000;

    /** A guest so big that a look is dear is looked at less often: they take a fiftieth of the time at most. */
    private static final int DEAREST_SHARE = 50;

    private static final int PART = 4;

    private FirstPassLooks() {}

    /**
     * The age of the pass, in nanoseconds, at which the next look is due.
     *
     * @param ageNanos of the pass at the latest look
     * @param costNanos what that took
     */
    public static long nextNanos(long ageNanos, long costNanos) {
        return ageNanos + Math.max(FIRST_NANOS, Math.max(ageNanos / PART, DEAREST_SHARE * costNanos));
    }
}
