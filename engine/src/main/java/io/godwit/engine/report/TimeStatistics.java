// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.report;

/**
 * How long a migration took so far, as one side saw it, and how much of that the guest stood still. Immutable.
 *
 * @param setupMillis connecting and announcing; 0 at a destination
 * @param totalMillis from the start until now or until the end; a destination's starts with the first byte
 * @param expectedDowntimeMillis how long the guest will stand still, as foretold; as long as that is not known or not
 *     in sight, how long it would if it were stopped now; 0 at a destination
 * @param downtimeMillis guest stopped, as this side saw it; 0 before, and at a destination, which knows its parts only
 * @param downtimeParts where that time went
 * @param downtimePages pages that were sent while the guest stood still
 */
public record TimeStatistics(
        long setupMillis,
        long totalMillis,
        long expectedDowntimeMillis,
        long downtimeMillis,
        DowntimeParts downtimeParts,
        long downtimePages) {
    /** No time has passed. */
    public static final TimeStatistics NONE = new TimeStatistics(0, 0, 0, 0, DowntimeParts.NONE, 0);
}
