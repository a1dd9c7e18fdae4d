// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

/**
 * What is taken from the guest's time so that the migration may finish.
 *
 * @param percent now, of the vCPU that loses most
 * @param highestPercent the highest that was seen so far
 */
record ThrottleSample(int percent, int highestPercent) {
    static ThrottleSample of(int percent) {
        return new ThrottleSample(percent, percent);
    }

    /** The same, seen after {@code earlier}. */
    ThrottleSample after(ThrottleSample earlier) {
        return new ThrottleSample(percent, Math.max(highestPercent, earlier.highestPercent));
    }

    /** Whether there is one, or was. */
    boolean isWorthShowing() {
        return highestPercent > 0;
    }
}
