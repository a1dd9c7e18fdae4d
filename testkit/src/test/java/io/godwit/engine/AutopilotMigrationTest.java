// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.engine.forecast.Verdict;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.report.ForecastStatistics;
import io.godwit.engine.settings.Capability;
import io.godwit.engine.settings.MigrationParameter;
import io.godwit.engine.settings.MigrationParameters;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Real guests whose migration steers itself. */
@Timeout(120)
class AutopilotMigrationTest {
    private static final MigrationParameters PARAMETERS =
            Pair.NARROW_WIRE.with(MigrationParameter.BACKGROUND_SYNC_INTERVAL, 100);

    @TempDir
    Path locks;

    private Pair pair(long restNanos) {
        return Pair.writing(locks, restNanos, PARAMETERS);
    }

    @Test
    void aGuestThatIsTooFastIsSlowedDownUntilItFitsAndHasItsTimeBack() throws Exception {
        try (Pair pair = pair(Pair.A_LITTLE_TOO_FAST);
                Recording recording = new Recording()) {
            recording.enable("io.godwit.Forecast");
            recording.start();
            pair.source.setCapability(Capability.AUTOPILOT, true);
            pair.migrate(pair.listen("tcp:127.0.0.1:0"));
            pair.assertRunsAtDestinationOnly();
            Path file = locks.resolve("forecast.jfr");
            recording.dump(file);
            assertThat(RecordingFile.readAllEvents(file).stream()
                            .filter(event -> event.getEventType().getName().equals("io.godwit.Forecast")))
                    .as("what was foretold, and what was done")
                    .anyMatch(event -> event.getString("choice").contains("% is taken from the guest")
                            && event.getString("why").endsWith("."))
                    .allMatch(event -> List.of("uncertain", "will-finish", "will-not-finish")
                            .contains(event.getString("verdict")));
            assertThat(pair.source.statistics().throttle().highestPercent()).isPositive();
            assertThat(pair.source.statistics().throttle().percent()).isZero();
            assertThat(pair.sourceGuest.throttlePercent).isZero();
            assertThat(pair.source.statistics().forecast().flatMap(ForecastStatistics::choice))
                    .isPresent();
        }
    }

    @Test
    void aGuestThatRestsLosesNothing() throws Exception {
        try (Pair pair = pair(100 * Pair.A_LITTLE_TOO_FAST)) {
            pair.source.setCapability(Capability.AUTOPILOT, true);
            pair.migrate(pair.listen("tcp:127.0.0.1:0"));
            pair.assertRunsAtDestinationOnly();
            assertThat(pair.source.statistics().throttle().highestPercent()).isZero();
        }
    }

    @Test
    void withoutAutopilotTheVerdictIsToldAndTheGuestLeftAlone() throws Exception {
        try (Pair pair = pair(10_000)) {
            pair.source.migrate(pair.listen("tcp:127.0.0.1:0"));
            ForecastStatistics forecast = awaitRefusal(pair.source);
            assertThat(forecast.help()).isPresent();
            assertThat(forecast.choice()).isEmpty();
            assertThat(pair.sourceGuest.throttlePercent).isZero();
            pair.source.cancel();
            pair.awaitEnds();
            pair.assertRunsAtSourceOnly();
        }
    }

    private static ForecastStatistics awaitRefusal(Migrator source) {
        long deadline = System.nanoTime() + Pair.PATIENCE.toNanos();
        while (true) {
            Optional<ForecastStatistics> forecast = source.statistics().forecast();
            if (forecast.isPresent() && forecast.get().verdict() instanceof Verdict.WillNotFinish) {
                return forecast.get();
            }
            assertThat(System.nanoTime()).as(source.statistics().toString()).isLessThan(deadline);
            LockSupport.parkNanos(1_000_000);
        }
    }

    @Test
    @Tag("kernel")
    void whereSlowingDownIsNotAllowedTheGuestGoesAheadByPostcopy() {
        try (PostcopyPair pair = new PostcopyPair(locks)) {
            pair.source.setParameters(PARAMETERS
                    .with(MigrationParameter.DOWNTIME_LIMIT, 0)
                    .with(MigrationParameter.MAX_GUEST_SLOWDOWN, 0));
            pair.source.setCapability(Capability.AUTOPILOT, true);
            pair.source.migrate(pair.listen());
            pair.assertArrived();
            assertThat(pair.source.statistics().postcopy()).isPresent();
            assertThat(pair.source.statistics().throttle().highestPercent()).isZero();
        }
    }

    @Test
    void onlyOneThrottlesAGuest() {
        try (Pair pair = pair(Pair.A_LITTLE_TOO_FAST)) {
            pair.source.setCapability(Capability.AUTOPILOT, true);
            assertThatThrownBy(() -> pair.source.setCapability(Capability.AUTO_CONVERGE, true))
                    .isInstanceOf(MigrationException.Refused.class)
                    .hasMessageContaining("autopilot");
        }
    }
}
