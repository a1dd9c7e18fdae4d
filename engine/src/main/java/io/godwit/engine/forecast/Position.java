// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.forecast;

/**
 * Where a migration stands: at the beginning of a pass, with all writes counted.
 *
 * @param pages that are dirty
 * @param zeroShare what share of them holds zeros only, from 0 to 1
 * @param percent that is taken from each vCPU
 * @param announced whether connecting and announcing are over
 */
public record Position(double pages, Estimate zeroShare, int percent, boolean announced) {
    /** Checks ranges. */
    public Position {
        if (!(pages >= 0) || percent < 0 || percent > 99) {
            throw new IllegalArgumentException(
                    pages + " pages and " + percent + " percent are no place where a migration can be");
        }
    }

    /** Before the first byte. */
    static Position begin(GuestProfile profile) {
        return new Position(profile.totalBytes() / PassSimulator.PAGE_BYTES, profile.zeroShare(), 0, false);
    }

    /** The same with another throttle. */
    Position throttled(int otherPercent) {
        return new Position(pages, zeroShare, otherPercent, announced);
    }
}
