// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.policy;

import io.godwit.engine.memory.RamBlock;
import java.util.OptionalLong;

/**
 * Decides after each pass whether to stop the guest now or to walk once more.
 *
 * <p>QEMU stops as soon as the rest is expected to fit into {@code downtime-limit}. That leaves up to 300 ms of pause
 * where 3 ms could be had: a short pass costs little and the next rest is smaller still. So once the limit is kept,
 * passes go on as long as each leaves clearly less than the one before and the rest is worth it.
 */
public final class Convergence {
    /** Below this the fixed parts of a switchover outweigh the pages. */
    static final long GOOD_ENOUGH_NANOS = 300_000;

    /** A bound on the passes that only shorten a pause that is short enough already. */
    static final int MAX_POLISHING_PASSES = 12;

    private long previousBytes = Long.MAX_VALUE;
    private int polishingPasses;

    /** {@link #isReached(long, long, long, OptionalLong)} where nobody knows what the next pass brings. */
    public boolean isReached(long remainingBytes, long bytesPerSecond, long downtimeLimitMillis) {
        return isReached(remainingBytes, bytesPerSecond, downtimeLimitMillis, OptionalLong.empty());
    }

    /**
     * Judges the rest after a pass and its harvest.
     *
     * @param remainingBytes of memory that would have to be sent with the guest stopped
     * @param bytesPerSecond what the wire carries; 0 = not known yet
     * @param downtimeLimitMillis the limit that holds now
     * @param nextPages how many pages another pass would leave, if somebody knows: one that is foreseen to gain nothing
     * is not made
     * @return whether to stop the guest now
     */
    public boolean isReached(
            long remainingBytes, long bytesPerSecond, long downtimeLimitMillis, OptionalLong nextPages) {
        long previous = previousBytes;
        previousBytes = remainingBytes;
        if (remainingBytes == 0) {
            return true;
        }
        long expected = expectedNanos(remainingBytes, bytesPerSecond);
        if (expected > downtimeLimitMillis * 1_000_000) {
            return false;
        }
        if (expected <= GOOD_ENOUGH_NANOS) {
            return true;
        }
        boolean shrinking = previous == Long.MAX_VALUE || isClearlyLess(remainingBytes, previous);
        boolean shrinksOn =
                nextPages.isEmpty() || isClearlyLess(nextPages.getAsLong() * RamBlock.PAGE_BYTES, remainingBytes);
        return !shrinking || !shrinksOn || ++polishingPasses > MAX_POLISHING_PASSES;
    }

    private static boolean isClearlyLess(long bytes, long before) {
        return bytes < before - before / 4;
    }

    /** How long the wire needs for the rest; a very long time if its speed is not known. */
    public static long expectedNanos(long remainingBytes, long bytesPerSecond) {
        if (remainingBytes == 0) {
            return 0;
        }
        return bytesPerSecond <= 0 ? Long.MAX_VALUE / 2 : (long) ((double) remainingBytes * 1e9 / bytesPerSecond);
    }
}
