// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.forecast;

import java.util.Optional;

/**
 * What a migration that runs says of its own end.
 *
 * @param verdict whether it comes
 * @param why a sentence with the numbers
 * @param leftNanos how long it still takes; never ends where it may not
 * @param downtimeNanos how long the guest will stand still
 * @param help which settings would let it finish, when it is not sure to
 * @param choice what {@code autopilot} has chosen and why, when it is on
 */
public record Outlook(
        Verdict verdict,
        String why,
        Estimate leftNanos,
        Estimate downtimeNanos,
        Optional<String> help,
        Optional<String> choice) {
    private static final Estimate UNKNOWN = new Estimate(0, Double.POSITIVE_INFINITY, Double.POSITIVE_INFINITY);

    /** Nothing can be said yet. */
    static Outlook unknown(String why) {
        return new Outlook(new Verdict.Uncertain(why), why, UNKNOWN, UNKNOWN, Optional.empty(), Optional.empty());
    }
}
