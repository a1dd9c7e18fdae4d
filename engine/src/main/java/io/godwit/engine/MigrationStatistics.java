// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine;

import java.util.Optional;

/**
 * One consistent picture of a migration: the only source of {@code query-migrate}, the progress view, reports and logs. Immutable.
 * Bytes count what went over the wire, headers included; rates are bytes or pages a second.
 *
 * @param status where it stands
 * @param outgoing whether this side is (or was) the source
 * @param error what went wrong, when {@code status} is failed
 * @param owner who owns the guest, once the migration has ended
 * @param pass number of the current walk of the dirty bitmap, from 1
 * @param totalBytes the guest's memory
 * @param remainingBytes pages not yet sent, in bytes of memory
 * @param transferredBytes all bytes sent or received
 * @param normalPages pages that travelled with their content
 * @param zeroPages pages that travelled as "all zero"
 * @param dirtyPagesPerSecond what the tracker measured over the last pass
 * @param bandwidthBytesPerSecond what the wire carried over the last pass or interval
 * @param expectedDowntimeMillis how long the guest will stand still, as foretold; as long as that is not known or not in sight, how long it would
 *     if it were stopped now
 * @param setupTimeMillis connecting and announcing
 * @param totalTimeMillis from the start until now or until the end
 * @param downtimeMillis guest stopped, as this side saw it; 0 before
 * @param downtimeParts where that time went
 * @param downtimePages pages that were sent while the guest stood still
 * @param tracker what tracks the guest's writes
 * @param listenAddress where this side listens, when it does
 * @param postcopy what postcopy did, once it has begun
 * @param throttle what was taken from the guest's vCPUs
 * @param waits how long others waited because of it
 * @param freePages what the guest said of its free pages, once it was asked
 * @param forecast what the source says of the end, once something was measured
 */
public record MigrationStatistics(
        MigrationStatus status,
        boolean outgoing,
        Optional<String> error,
        Optional<GuestOwner> owner,
        int pass,
        long totalBytes,
        long remainingBytes,
        long transferredBytes,
        long normalPages,
        long zeroPages,
        long dirtyPagesPerSecond,
        long bandwidthBytesPerSecond,
        long expectedDowntimeMillis,
        long setupTimeMillis,
        long totalTimeMillis,
        long downtimeMillis,
        DowntimeParts downtimeParts,
        long downtimePages,
        String tracker,
        Optional<String> listenAddress,
        Optional<PostcopyStatistics> postcopy,
        ThrottleStatistics throttle,
        WaitStatistics waits,
        Optional<FreePageStatistics> freePages,
        Optional<ForecastStatistics> forecast) {
    /** Before the first migration. */
    public static final MigrationStatistics NONE = new MigrationStatistics(
            MigrationStatus.NONE,
            true,
            Optional.empty(),
            Optional.empty(),
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            DowntimeParts.NONE,
            0,
            "",
            Optional.empty(),
            Optional.empty(),
            ThrottleStatistics.NONE,
            WaitStatistics.NONE,
            Optional.empty(),
            Optional.empty());
}
