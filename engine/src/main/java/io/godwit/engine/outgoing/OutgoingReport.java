// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing;

import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.memory.RamBlocks;
import io.godwit.engine.outcome.GuestOwner;
import io.godwit.engine.outgoing.plan.OutgoingPlan;
import io.godwit.engine.outgoing.plan.OutgoingProgress;
import io.godwit.engine.outgoing.wire.WireMeter;
import io.godwit.engine.policy.Convergence;
import io.godwit.engine.report.DowntimeParts;
import io.godwit.engine.report.ForecastStatistics;
import io.godwit.engine.report.MigrationStatistics;
import io.godwit.engine.report.PostcopyStatistics;
import io.godwit.engine.report.RamStatistics;
import io.godwit.engine.report.TimeStatistics;
import io.godwit.engine.report.WaitStatistics;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalLong;

/** Makes the public picture of an outgoing migration out of its state and its figures. */
final class OutgoingReport {
    /** An answer that comes sooner is nothing to warn of. */
    private static final long SOON_NANOS = 250_000_000;

    private OutgoingReport() {}

    /** The picture after {@code elapsedNanos}. */
    static MigrationStatistics of(
            OutgoingPlan plan,
            OutgoingState state,
            OutgoingProgress progress,
            WireMeter meter,
            WaitStatistics waits,
            long elapsedNanos) {
        RamStatistics ram = ram(plan, state, progress, meter, elapsedNanos);
        Optional<ForecastStatistics> forecast =
                progress.foretold.map(told -> told.statistics(plan.clock().nanoTime()));
        long expectedDowntimeMillis =
                expectedDowntimeMillis(forecast.filter(_ -> state instanceof OutgoingState.Active), ram);
        Optional<PostcopyStatistics> postcopy = progress.inPostcopy
                ? Optional.of(progress.postcopy.statistics(ram.remainingBytes() / RamBlock.PAGE_BYTES))
                : Optional.empty();
        return new MigrationStatistics(
                state.status(),
                true,
                error(state),
                owner(state),
                Optional.empty(),
                ram,
                time(progress, expectedDowntimeMillis, elapsedNanos),
                progress.throttle,
                waits,
                postcopy,
                forecast,
                progress.colo.statistics(),
                warning(plan, state, progress));
    }

    /** Nobody but the other side ends this pause, and the guest has stood still for a while. */
    private static Optional<String> warning(OutgoingPlan plan, OutgoingState state, OutgoingProgress progress) {
        long now = plan.clock().nanoTime();
        boolean waits = state instanceof OutgoingState.Device && progress.allSentAtNanos != 0;
        if (!waits || now - progress.allSentAtNanos < SOON_NANOS) {
            return Optional.empty();
        }
        return Optional.of(String.format(
                Locale.ROOT,
                "The guest has stood still for %.1f s: %s has got all of it and does not say that it is done."
                        + " After %.1f s (x-handover-timeout) the migration fails.",
                (now - progress.stoppedAtNanos) / 1e9,
                plan.uri(),
                plan.parameters().get().handoverTimeoutMillis() / 1e3));
    }

    private static RamStatistics ram(
            OutgoingPlan plan, OutgoingState state, OutgoingProgress progress, WireMeter meter, long elapsedNanos) {
        RamBlocks.Snapshot blocks = plan.guest().ram().snapshot();
        long remainingPages = state instanceof OutgoingState.Completed ? 0 : blocks.dirtyPageCount();
        return new RamStatistics(
                blocks.totalBytes(),
                remainingPages * RamBlock.PAGE_BYTES,
                meter.bytes(),
                meter.normalPages(),
                meter.zeroPages(),
                progress.pass,
                progress.dirtyPagesPerSecond,
                bandwidth(progress, meter, elapsedNanos),
                plan.guest().dirtyTracker().description(),
                progress.freePages.statistics(blocks.withheldPageCount()));
    }

    private static TimeStatistics time(OutgoingProgress progress, long expectedDowntimeMillis, long elapsedNanos) {
        return new TimeStatistics(
                progress.setupNanos / 1_000_000,
                elapsedNanos / 1_000_000,
                expectedDowntimeMillis,
                downtimeNanos(progress) / 1_000_000,
                parts(progress),
                progress.downtimePages);
    }

    /** As foretold; without a forecast what the rest would take now. */
    private static long expectedDowntimeMillis(Optional<ForecastStatistics> forecast, RamStatistics ram) {
        OptionalLong foretold = forecast.map(ForecastStatistics::downtimeMillis).orElse(OptionalLong.empty());
        long bandwidth = ram.bandwidthBytesPerSecond();
        return foretold.orElse(
                bandwidth == 0 ? 0 : Convergence.expectedNanos(ram.remainingBytes(), bandwidth) / 1_000_000);
    }

    /** As measured over the last pass; before the first one has ended, over what was sent so far. */
    private static long bandwidth(OutgoingProgress progress, WireMeter meter, long elapsedNanos) {
        long measured = progress.bandwidthBytesPerSecond;
        long sending = elapsedNanos - progress.setupNanos;
        return measured != 0 || progress.setupNanos == 0 || sending <= 0
                ? measured
                : (long) (meter.bytes() * 1e9 / sending);
    }

    /**
     * In postcopy the guest goes on when the devices are loaded; before that is known, the package was the last that
     * this side saw.
     */
    private static long downtimeNanos(OutgoingProgress progress) {
        if (!progress.inPostcopy) {
            return progress.downtimeNanos;
        }
        return Math.max(progress.packageWrittenNanos, progress.devicesLoadedNanos) - progress.stoppedAtNanos;
    }

    private static DowntimeParts parts(OutgoingProgress progress) {
        DowntimeParts parts = progress.parts;
        if (!progress.inPostcopy || progress.devicesLoadedNanos == 0) {
            return parts;
        }
        return new DowntimeParts(
                parts.stopNanos(),
                parts.harvestNanos(),
                parts.pagesNanos(),
                parts.deviceNanos(),
                Math.max(0, progress.devicesLoadedNanos - progress.packageWrittenNanos),
                0,
                0,
                0);
    }

    private static Optional<String> error(OutgoingState state) {
        return switch (state) {
            case OutgoingState.Failed failed -> Optional.of(failed.error());
            case OutgoingState.PostcopyPaused paused -> Optional.of(paused.error());
            case OutgoingState.Colo colo -> colo.error();
            case OutgoingState.Alone alone -> Optional.of("The guest goes on here, alone: " + alone.why() + ".");
            case OutgoingState.Setup _,
                    OutgoingState.Active _,
                    OutgoingState.PreSwitchover _,
                    OutgoingState.Device _,
                    OutgoingState.PostcopyActive _,
                    OutgoingState.PostcopyRecoverSetup _,
                    OutgoingState.PostcopyRecover _,
                    OutgoingState.Completed _,
                    OutgoingState.Cancelling _,
                    OutgoingState.Cancelled _ -> Optional.empty();
        };
    }

    private static Optional<GuestOwner> owner(OutgoingState state) {
        return switch (state) {
            case OutgoingState.Completed _ -> Optional.of(GuestOwner.PEER);
            case OutgoingState.Cancelled _, OutgoingState.Alone _ -> Optional.of(GuestOwner.HERE);
            case OutgoingState.Failed failed -> Optional.of(failed.owner());
            case OutgoingState.Setup _,
                    OutgoingState.Active _,
                    OutgoingState.PreSwitchover _,
                    OutgoingState.Device _,
                    OutgoingState.PostcopyActive _,
                    OutgoingState.PostcopyPaused _,
                    OutgoingState.PostcopyRecoverSetup _,
                    OutgoingState.PostcopyRecover _,
                    OutgoingState.Colo _,
                    OutgoingState.Cancelling _ -> Optional.empty();
        };
    }
}
