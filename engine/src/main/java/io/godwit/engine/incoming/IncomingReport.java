// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.incoming;

import io.godwit.engine.incoming.plan.IncomingPlan;
import io.godwit.engine.incoming.plan.IncomingProgress;
import io.godwit.engine.outcome.GuestOwner;
import io.godwit.engine.report.MigrationStatistics;
import io.godwit.engine.report.PostcopyStatistics;
import io.godwit.engine.report.RamStatistics;
import io.godwit.engine.report.ThrottleStatistics;
import io.godwit.engine.report.TimeStatistics;
import io.godwit.engine.report.WaitStatistics;
import io.godwit.engine.transport.MigrationUri;
import java.util.Optional;

/** Makes the public picture of an incoming migration out of its state and its figures. */
final class IncomingReport {
    private IncomingReport() {}

    /** The picture of a migration at this time or at its end. */
    static MigrationStatistics of(
            IncomingPlan plan,
            IncomingState state,
            Optional<MigrationUri> address,
            IncomingProgress progress,
            WaitStatistics waits,
            Optional<PostcopyStatistics> postcopy,
            long atNanos) {
        long first = progress.firstByteNanos;
        long elapsedNanos = first == 0 ? 0 : Math.max(1, atNanos - first);
        return new MigrationStatistics(
                state.status(),
                false,
                error(state),
                owner(state),
                address.map(MigrationUri::toString),
                ram(plan, progress, elapsedNanos),
                new TimeStatistics(0, elapsedNanos / 1_000_000, 0, 0, progress.parts, 0),
                ThrottleStatistics.NONE,
                waits,
                postcopy,
                Optional.empty(),
                progress.colo.statistics(),
                Optional.empty());
    }

    private static Optional<String> error(IncomingState state) {
        return switch (state) {
            case IncomingState.Failed failed -> Optional.of(failed.error());
            case IncomingState.PostcopyPaused paused -> Optional.of(paused.error());
            case IncomingState.Colo colo -> colo.error();
            case IncomingState.Setup _,
                    IncomingState.Active _,
                    IncomingState.PostcopyLoading _,
                    IncomingState.PostcopyActive _,
                    IncomingState.PostcopyRecover _,
                    IncomingState.Completed _ -> Optional.empty();
        };
    }

    private static Optional<GuestOwner> owner(IncomingState state) {
        if (state.hasGuest()) {
            return Optional.of(GuestOwner.HERE);
        }
        return state instanceof IncomingState.Failed failed ? Optional.of(failed.owner()) : Optional.empty();
    }

    private static RamStatistics ram(IncomingPlan plan, IncomingProgress progress, long elapsedNanos) {
        long bytes = progress.transferredBytes.get();
        return new RamStatistics(
                plan.guest().ram().snapshot().totalBytes(),
                0,
                bytes,
                progress.normalPages.get(),
                progress.zeroPages.get(),
                0,
                0,
                elapsedNanos == 0 ? 0 : (long) (bytes * 1e9 / elapsedNanos),
                "",
                Optional.empty());
    }
}
