// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.report.ThrottleStatistics;
import io.godwit.engine.settings.Capability;
import io.godwit.engine.settings.MigrationParameter;
import io.godwit.engine.settings.MigrationParameters;
import java.nio.file.Path;
import java.util.OptionalLong;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * A guest that writes faster than the wire carries: it moves by {@code auto-converge}, or not at all, and never loses
 * more than was allowed.
 */
@Timeout(120)
class ThrottlingTest {
    /** Whatever is taken from it. */
    private static final long FAR_TOO_FAST = 10_000;

    @TempDir
    Path locks;

    private MigrationParameters parameters = Pair.NARROW_WIRE.with(MigrationParameter.BACKGROUND_SYNC_INTERVAL, 10);

    private Pair pair(long restNanos) {
        return Pair.writing(locks, restNanos, parameters);
    }

    private static void await(BooleanSupplier condition) {
        long deadline = System.nanoTime() + Pair.PATIENCE.toNanos();
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime()).isLessThan(deadline);
            LockSupport.parkNanos(1_000_000);
        }
    }

    @Test
    void itIsThrottledWithinThePassesUntilItFitsAndHasItsTimeBackAtTheEnd() throws Exception {
        try (Pair pair = pair(Pair.A_LITTLE_TOO_FAST);
                Recording recording = new Recording()) {
            recording.enable("io.godwit.WatcherStart");
            recording.enable("io.godwit.BackgroundSync");
            recording.enable("io.godwit.WatcherEnd");
            recording.start();
            pair.source.setCapability(Capability.AUTO_CONVERGE, true);
            pair.migrate(pair.listen("tcp:127.0.0.1:0"));
            pair.assertRunsAtDestinationOnly();
            ThrottleStatistics throttle = pair.source.statistics().throttle();
            assertThat(throttle.highestPercent()).isGreaterThanOrEqualTo(20);
            assertThat(throttle.percent()).isZero();
            assertThat(throttle.backgroundSyncs()).isPositive();
            assertThat(throttle.syncs()).isGreaterThan(throttle.backgroundSyncs());
            assertThat(pair.sourceGuest.throttlePercent).isZero();
            Path file = locks.resolve("recording.jfr");
            recording.dump(file);
            assertEventsOf(file, throttle.backgroundSyncs());
        }
    }

    private static void assertEventsOf(Path file, long backgroundSyncs) throws Exception {
        var events = RecordingFile.readAllEvents(file);
        assertThat(events.stream().map(event -> event.getEventType().getName()).distinct())
                .contains("io.godwit.WatcherStart", "io.godwit.BackgroundSync", "io.godwit.WatcherEnd");
        var syncs = events.stream()
                .filter(event -> event.getEventType().getName().equals("io.godwit.BackgroundSync"))
                .toList();
        assertThat(syncs).hasSize((int) backgroundSyncs);
        assertThat(syncs).as("never in the first pass").allMatch(event -> event.getInt("pass") > 1);
        assertThat(syncs).as("no sooner than was asked").allMatch(event -> event.getLong("interval") >= 10_000_000);
        RecordedEvent end = events.stream()
                .filter(event -> event.getEventType().getName().equals("io.godwit.WatcherEnd"))
                .findFirst()
                .orElseThrow();
        assertThat(end.getString("reason")).isEqualTo("the passes have ended");
        assertThat(end.getLong("syncs")).isEqualTo(backgroundSyncs);
    }

    @Test
    void whoCancelsGetsAGuestWithAllOfItsTime() throws Exception {
        try (Pair pair = pair(FAR_TOO_FAST)) {
            pair.source.setCapability(Capability.AUTO_CONVERGE, true);
            pair.source.migrate(pair.listen("tcp:127.0.0.1:0"));
            await(() -> pair.sourceGuest.throttlePercent >= 40);
            assertThat(pair.source.statistics().throttle().percent()).isPositive();
            pair.source.cancel();
            pair.awaitEnds();
            assertThat(pair.sourceGuest.throttlePercent).isZero();
            pair.assertRunsAtSourceOnly();
        }
    }

    @Test
    void whatIsAllowedFromNowOnHoldsAtOnce() throws Exception {
        try (Pair pair = pair(FAR_TOO_FAST)) {
            pair.source.setCapability(Capability.AUTO_CONVERGE, true);
            pair.source.migrate(pair.listen("tcp:127.0.0.1:0"));
            await(() -> pair.sourceGuest.throttlePercent >= 40);
            pair.source.setParameters(pair.source.parameters().with(MigrationParameter.MAX_GUEST_SLOWDOWN, 15));
            assertThat(pair.sourceGuest.throttlePercent).isEqualTo(15);
            pair.source.setParameters(pair.source.parameters().with(MigrationParameter.MAX_GUEST_SLOWDOWN, 0));
            assertThat(pair.sourceGuest.throttlePercent).isZero();
            pair.source.cancel();
            pair.awaitEnds();
        }
    }

    @Test
    void itNeverLosesMoreThanWasAllowedAndTheWatcherEndsThere() throws Exception {
        parameters = parameters.with(MigrationParameter.MAX_GUEST_SLOWDOWN, 35);
        try (Pair pair = pair(FAR_TOO_FAST)) {
            pair.source.setCapability(Capability.AUTO_CONVERGE, true);
            pair.source.migrate(pair.listen("tcp:127.0.0.1:0"));
            await(() -> pair.sourceGuest.throttlePercent == 35);
            await(() -> Thread.getAllStackTraces().keySet().stream()
                    .noneMatch(thread -> thread.getName().equals("mig-watch")));
            int pass = pair.source.statistics().ram().pass();
            await(() -> pair.source.statistics().ram().pass() > pass + 2);
            assertThat(pair.source.statistics().throttle().highestPercent()).isEqualTo(35);
            pair.sourceGuest.restNanos = 10 * Pair.A_LITTLE_TOO_FAST;
            pair.awaitEnds();
            pair.assertRunsAtDestinationOnly();
        }
    }

    @Test
    void limitsOfVcpusHoldWithinAMigrationButADirtyLimitedOneSetsThemItself() throws Exception {
        try (Pair pair = pair(FAR_TOO_FAST)) {
            pair.source.migrate(pair.listen("tcp:127.0.0.1:0"));
            await(() -> pair.source.statistics().ram().pass() > 2);
            pair.source.setVcpuDirtyLimit(OptionalLong.of(0), 1);
            await(() -> pair.sourceGuest.throttlePercent > 0);
            assertThat(pair.source.statistics().throttle().highestPercent())
                    .as("it is not the migration that takes it")
                    .isZero();
            pair.source.cancelVcpuDirtyLimit(OptionalLong.empty());
            assertThat(pair.sourceGuest.throttlePercent).isZero();
            pair.source.cancel();
            pair.awaitEnds();
        }
        try (Pair pair = pair(FAR_TOO_FAST)) {
            pair.source.setCapability(Capability.DIRTY_LIMIT, true);
            pair.source.migrate(pair.listen("tcp:127.0.0.1:0"));
            assertThatThrownBy(() -> pair.source.setVcpuDirtyLimit(OptionalLong.empty(), 1))
                    .isInstanceOf(MigrationException.Refused.class)
                    .hasMessage("can't set dirty page rate limit while migration is running");
            assertThatThrownBy(() -> pair.source.cancelVcpuDirtyLimit(OptionalLong.empty()))
                    .isInstanceOf(MigrationException.Refused.class)
                    .hasMessage("can't cancel dirty page rate limit while migration is running");
            await(() -> pair.source.statistics().throttle().dirtyLimit().isPresent());
            assertThat(pair.source
                            .statistics()
                            .throttle()
                            .dirtyLimit()
                            .orElseThrow()
                            .ringFullMicros())
                    .isPositive();
            pair.source.cancel();
            pair.awaitEnds();
            pair.source.setVcpuDirtyLimit(OptionalLong.empty(), 1);
            assertThat(pair.source.vcpuDirtyLimits()).hasSize(1);
        }
    }

    @Test
    void withoutTheCapabilityNobodyIsThrottledAndNobodyWatches() throws Exception {
        try (Pair pair = pair(FAR_TOO_FAST)) {
            pair.source.migrate(pair.listen("tcp:127.0.0.1:0"));
            await(() -> pair.source.statistics().ram().pass() > 4);
            pair.source.setParameters(pair.source.parameters().with(MigrationParameter.MAX_BANDWIDTH, 0));
            pair.source.setParameters(pair.source.parameters().with(MigrationParameter.DOWNTIME_LIMIT, 2000));
            pair.awaitEnds();
            assertThat(pair.source.statistics().throttle().highestPercent()).isZero();
            assertThat(pair.source.statistics().throttle().backgroundSyncs()).isZero();
            pair.assertRunsAtDestinationOnly();
        }
    }

    @Test
    void anIntervalOfZeroLeavesItToTheEndsOfPasses() throws Exception {
        parameters = parameters.with(MigrationParameter.BACKGROUND_SYNC_INTERVAL, 0);
        try (Pair pair = pair(FAR_TOO_FAST)) {
            pair.source.setCapability(Capability.AUTO_CONVERGE, true);
            pair.source.migrate(pair.listen("tcp:127.0.0.1:0"));
            await(() -> pair.sourceGuest.throttlePercent > 0);
            pair.source.setParameters(pair.source.parameters().with(MigrationParameter.DOWNTIME_LIMIT, 2000));
            pair.awaitEnds();
            assertThat(pair.source.statistics().throttle().backgroundSyncs()).isZero();
            pair.assertRunsAtDestinationOnly();
        }
    }
}
