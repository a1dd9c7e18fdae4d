// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.engine.report.MigrationListener;
import io.godwit.engine.settings.MigrationParameter;
import io.godwit.engine.tracking.DirtyRate.Stage;
import io.godwit.engine.tracking.DirtyRateMode;
import io.godwit.engine.tracking.DirtyRateRequest;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The tracker has one user at a time, and a migration comes first. */
@Timeout(120)
class DirtyRateBesideMigrationTest {
    private static final DirtyRateRequest LONG_BITMAP =
            new DirtyRateRequest(DirtyRateMode.DIRTY_BITMAP, 60_000, 0, List.of(1L, 2L, 3L, 60L));
    private static final DirtyRateRequest SAMPLING =
            new DirtyRateRequest(DirtyRateMode.PAGE_SAMPLING, 50, 512, List.of());

    @TempDir
    Path directory;

    @Test
    void aMigrationThatBeginsInTheMiddleEndsTheMeasurementAndLosesNoPage() throws Exception {
        try (Pair pair = new Pair(directory)) {
            String uri = pair.listen("tcp:127.0.0.1:0");
            pair.source.calcDirtyRate(LONG_BITMAP);
            Pair.assertCountsOn(pair.sourceGuest);
            pair.migrate(uri);
            assertThat(pair.source.statistics().status()).isEqualTo(MigrationStatus.COMPLETED);
            assertThat(pair.source.digestsAtSwitchover().blockDigests())
                    .isEqualTo(pair.destination.digestsAtSwitchover().blockDigests());
            pair.assertRunsAtDestinationOnly();
            String reason = switch (pair.source.dirtyRate().stage()) {
                case Stage.Measured measured -> measured.reason().orElseThrow();
                case Stage.Unstarted unstarted -> unstarted.reason().orElseThrow();
                case Stage.Measuring _ -> "it goes on";
            };
            assertThat(reason).isEqualTo("a migration to " + uri + " began");
        }
    }

    @Test
    void duringAMigrationTheTrackerIsTakenAndSamplesAreNot() throws Exception {
        try (Pair pair = new Pair(directory)) {
            CountDownLatch active = new CountDownLatch(1);
            pair.source.setParameters(pair.source.parameters().with(MigrationParameter.MAX_BANDWIDTH, 1 << 20));
            pair.source.addListener(new OnActive(active));
            pair.source.migrate(pair.listen("tcp:127.0.0.1:0"));
            active.await();
            assertThatThrownBy(() -> pair.source.calcDirtyRate(LONG_BITMAP))
                    .isInstanceOf(MigrationException.Refused.class)
                    .hasMessageContaining("A migration (active) has the guest's tracker")
                    .hasMessageContaining("dirty-bitmap");
            pair.source.calcDirtyRate(SAMPLING);
            awaitMeasured(pair.source);
            assertThat(pair.source.statistics().status().isEnded()).isFalse();
            pair.source.cancel();
            pair.awaitEnds();
            pair.source.calcDirtyRate(LONG_BITMAP);
        }
    }

    @Test
    void aGuestThatDoesNotRunHereIsNotMeasured() throws Exception {
        try (Pair pair = new Pair(directory)) {
            assertThatThrownBy(() -> pair.destination.calcDirtyRate(SAMPLING))
                    .isInstanceOf(MigrationException.Refused.class)
                    .hasMessageContaining("The guest is inmigrate");
            pair.migrate(pair.listen("tcp:127.0.0.1:0"));
            assertThatThrownBy(() -> pair.source.calcDirtyRate(SAMPLING))
                    .isInstanceOf(MigrationException.Refused.class)
                    .hasMessageContaining("The guest is postmigrate");
            pair.destination.calcDirtyRate(SAMPLING);
            awaitMeasured(pair.destination);
        }
    }

    private static void awaitMeasured(Migrator migrator) {
        long deadline = System.nanoTime() + Pair.PATIENCE.toNanos();
        while (migrator.dirtyRate().stage() instanceof Stage.Measuring) {
            assertThat(System.nanoTime()).as("the measurement ends").isLessThan(deadline);
            Thread.onSpinWait();
        }
        assertThat(migrator.dirtyRate().stage()).isInstanceOf(Stage.Measured.class);
    }

    private record OnActive(CountDownLatch active) implements MigrationListener {
        @Override
        public void statusChanged(MigrationStatus status) {
            if (status == MigrationStatus.ACTIVE) {
                active.countDown();
            }
        }

        @Override
        public void passStarted(int pass) {
            // Only the status counts.
        }
    }
}
