// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.programs;

/**
 * Numbers for a sweep that visits each of n pages once, not in order: page (position * step + start) mod n, with a step
 * that has no common factor with n. Start moves by a shift from sweep to sweep.
 */
final class SweepOrder {
    private static final double GOLDEN = 0.6180339887498949;

    private SweepOrder() {}

    /** A step near the golden section of {@code pages}, so that neighbours in time are far apart. */
    static long step(long pages) {
        long step = Math.max(1, Math.round(pages * GOLDEN));
        while (commonFactor(step, pages) > 1) {
            step++;
        }
        return step % Math.max(1, pages);
    }

    /** From the start of a sweep to the start of the next. */
    static long shift(long pages) {
        return pages / 3;
    }

    private static long commonFactor(long a, long b) {
        long x = a;
        long y = b;
        while (y != 0) {
            long rest = x % y;
            x = y;
            y = rest;
        }
        return x;
    }
}
