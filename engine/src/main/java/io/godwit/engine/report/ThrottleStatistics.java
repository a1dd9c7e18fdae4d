// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.report;

import java.util.Optional;

/**
 * What a migration has done to the guest's vCPUs so that it may finish, and how often the dirty bitmap was synchronised
 * for it.
 *
 * @param percent of its time that is taken from the vCPU that loses most, now
 * @param highestPercent the most that was ever taken
 * @param throttledMillis for how long the vCPU that lost most was kept from running, all in all
 * @param throttlingMillis how long throttling of any strength has lasted; what {@code throttledMillis} is to be
 * compared with
 * @param syncs of the dirty bitmap, at the end of a pass or in the background
 * @param backgroundSyncs those in the background
 * @param syncMicros all of them together
 * @param longestSyncMicros the longest of them
 * @param dirtyLimit what {@code dirty-limit} does, once it has begun
 */
public record ThrottleStatistics(
        int percent,
        int highestPercent,
        long throttledMillis,
        long throttlingMillis,
        long syncs,
        long backgroundSyncs,
        long syncMicros,
        long longestSyncMicros,
        Optional<DirtyLimitRound> dirtyLimit) {
    /** Nothing was done. */
    public static final ThrottleStatistics NONE = new ThrottleStatistics(0, 0, 0, 0, 0, 0, 0, 0, Optional.empty());
}
