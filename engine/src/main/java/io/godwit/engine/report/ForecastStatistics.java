// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.report;

import io.godwit.engine.forecast.Verdict;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * What a running migration says of its end.
 *
 * @param verdict whether it comes
 * @param why a sentence with the numbers
 * @param leftMillis how long it still takes, most likely; empty if it may never end
 * @param leftAtMostMillis the same at worst
 * @param downtimeMillis how long the guest will stand still, most likely
 * @param help which settings would let it finish, when it is not sure to
 * @param choice what {@code autopilot} has chosen and why, when it is on
 */
public record ForecastStatistics(
        Verdict verdict,
        String why,
        OptionalLong leftMillis,
        OptionalLong leftAtMostMillis,
        OptionalLong downtimeMillis,
        Optional<String> help,
        Optional<String> choice) {}
