// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.report;

import io.godwit.engine.outcome.GuestOwner;
import io.godwit.engine.outcome.MigrationStatus;
import java.util.Optional;

/**
 * One consistent picture of a migration: the only source of {@code query-migrate}, the progress view, reports and logs.
 * Immutable.
 *
 * @param status where it stands
 * @param outgoing whether this side is (or was) the source
 * @param error what went wrong, when {@code status} is failed or postcopy is paused
 * @param owner who owns the guest, once the migration has ended
 * @param listenAddress where this side listens, when it does
 * @param ram what became of the guest's memory
 * @param time how long it took
 * @param throttle what was taken from the guest's vCPUs
 * @param waits how long others waited because of it
 * @param postcopy what postcopy did, once it has begun
 * @param forecast what the source says of the end, once something was measured
 * @param colo what protection did, once it has begun
 * @param warning what somebody should know now, while it goes on
 */
public record MigrationStatistics(
        MigrationStatus status,
        boolean outgoing,
        Optional<String> error,
        Optional<GuestOwner> owner,
        Optional<String> listenAddress,
        RamStatistics ram,
        TimeStatistics time,
        ThrottleStatistics throttle,
        WaitStatistics waits,
        Optional<PostcopyStatistics> postcopy,
        Optional<ForecastStatistics> forecast,
        Optional<ColoStatistics> colo,
        Optional<String> warning) {
    /** Before the first migration. */
    public static final MigrationStatistics NONE = new MigrationStatistics(
            MigrationStatus.NONE,
            true,
            Optional.empty(),
            Optional.empty(),
            Optional.empty(),
            RamStatistics.NONE,
            TimeStatistics.NONE,
            ThrottleStatistics.NONE,
            WaitStatistics.NONE,
            Optional.empty(),
            Optional.empty(),
            Optional.empty(),
            Optional.empty());

    /** Of a migration without protection, about which nobody has to be warned. */
    public MigrationStatistics(
            MigrationStatus status,
            boolean outgoing,
            Optional<String> error,
            Optional<GuestOwner> owner,
            Optional<String> listenAddress,
            RamStatistics ram,
            TimeStatistics time,
            ThrottleStatistics throttle,
            WaitStatistics waits,
            Optional<PostcopyStatistics> postcopy,
            Optional<ForecastStatistics> forecast) {
        this(
                status,
                outgoing,
                error,
                owner,
                listenAddress,
                ram,
                time,
                throttle,
                waits,
                postcopy,
                forecast,
                Optional.empty(),
                Optional.empty());
    }
}
