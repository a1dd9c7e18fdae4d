// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.forecast;

/**
 * Where a migration stands: in a pass, with all writes counted.
 *
 * @param pages that are dirty
 * @param hotPages those of them that this pass leaves for the next
 * @param zeroShare what share of them holds zeros only, from 0 to 1
 * @param percent that is taken from each vCPU
 * @param announced whether connecting and announcing are over
 */
public record Position(double pages, double hotPages, Estimate zeroShare, int percent, boolean announced) {
    /** Checks ranges. */
    public Position {
        if (!(hotPages >= 0 && pages >= hotPages) || percent < 0 || percent > 99) {
            throw new IllegalArgumentException(pages + " pages, " + hotPages + " of them hot, and " + percent
                    + " percent are no place where a migration can be");
        }
    }

    /** Before the first byte. */
    static Position begin(GuestProfile profile) {
        return new Position(profile.totalBytes() / PassSimulator.PAGE_BYTES, 0, profile.zeroShare(), 0, false);
    }

    /** The same with another throttle. */
    Position throttled(int otherPercent) {
        return new Position(pages, hotPages, zeroShare, otherPercent, announced);
    }
}
