// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.engine.arbiter.FileLockArbiter;
import io.godwit.engine.guest.RunControl;
import io.godwit.engine.guest.RunState;
import io.godwit.engine.outcome.GuestOwner;
import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.engine.report.ColoStatistics;
import io.godwit.engine.settings.Capability;
import io.godwit.engine.settings.MigrationParameter;
import io.godwit.engine.settings.MigrationParameters;
import io.godwit.testkit.guest.CountingGuest;
import java.io.IOException;
import java.nio.file.Path;
import java.util.SplittableRandom;
import java.util.UUID;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Two hosts lose each other, or the primary dies, at any byte, in periodic mode: never two guests that count, and the
 * world never hears what is then forgotten.
 */
final class ColoPartitionTest {
    private static final long SEED = 12_052;
    private static final int MOMENTS = 42;
    private static final int MOST_BYTES = 400_000;

    @TempDir
    Path directory;

    /** What is cut. */
    private enum Cut {
        MAIN,
        COMPARE,
        BOTH
    }

    private static MigrationParameters parameters() {
        return ColoSettings.everyMillis(2).with(MigrationParameter.COLO_PERIODIC, 1);
    }

    private static void await(String what, BooleanSupplier condition) {
        long deadline = System.nanoTime() + Pair.PATIENCE.toNanos();
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime() - deadline).as(what).isNegative();
            Thread.onSpinWait();
        }
    }

    /** A host with one copy of the guest. */
    private final class Host implements AutoCloseable {
        final CountingGuest guest;
        final FileLockArbiter token = new FileLockArbiter(directory);
        final RunControl run;
        final Migrator migrator;

        Host(CountingGuest.Census census, RunState state) {
            guest = CountingGuest.byDowncalls(UUID.randomUUID(), census);
            run = new RunControl(guest, token, state);
            migrator = new Migrator(guest, run);
            migrator.setParameters(parameters());
            migrator.setCapability(Capability.X_COLO, true);
        }

        long checkpoints() {
            return migrator.statistics().colo().orElse(ColoStatistics.NONE).checkpoints();
        }

        void assertCountsHere(MigrationStatus status) {
            assertThat(migrator.statistics().status())
                    .as(migrator.statistics().toString())
                    .isEqualTo(status);
            assertThat(migrator.statistics().owner()).contains(GuestOwner.HERE);
            assertThat(run.state()).isEqualTo(RunState.RUNNING);
            assertThat(token.held()).isTrue();
            long from = guest.world.seen();
            await("the world hears of the guest", () -> guest.world.seen() > from + 50);
            assertThat(guest.mismatches.get()).isZero();
        }

        @Override
        public void close() {
            migrator.close();
            run.shutdown();
            guest.close();
        }
    }

    private void partition(Cut cut, boolean primaryDies, long atByte) throws IOException, InterruptedException {
        CountingGuest.Census census = new CountingGuest.Census();
        try (Host primary = new Host(census, RunState.PRELAUNCH);
                Host secondary = new Host(census, RunState.INMIGRATE)) {
            primary.run.cont();
            secondary.migrator.migrateIncoming("tcp:127.0.0.1:0");
            try (CuttableWires wires = new CuttableWires(
                    secondary.migrator.statistics().listenAddress().orElseThrow())) {
                primary.migrator.migrate(wires.uri());
                await("checkpoints", () -> secondary.checkpoints() >= 2);
                assertThat(wires.count()).isEqualTo(2);
                wires.atByte(atByte, () -> {
                    if (primaryDies) {
                        // Its locks are free as its connections break. Nobody changes the record.
                        primary.token.release();
                    }
                    if (cut != Cut.COMPARE) {
                        wires.cut(0);
                    }
                    if (cut != Cut.MAIN) {
                        wires.cut(1);
                    }
                });
                assertThat(secondary.migrator.awaitEnd(Pair.PATIENCE)).isTrue();
                assertThat(primary.migrator.awaitEnd(Pair.PATIENCE)).isTrue();
            }
            if (primaryDies) {
                secondary.assertCountsHere(MigrationStatus.COMPLETED);
                assertThat(primary.run.state()).isNotEqualTo(RunState.RUNNING);
            } else {
                primary.assertCountsHere(MigrationStatus.COMPLETED);
                assertThat(secondary.migrator.statistics().status()).isEqualTo(MigrationStatus.FAILED);
                assertThat(secondary.run.state()).isEqualTo(RunState.POSTMIGRATE);
                assertThat(secondary.token.held()).isFalse();
                assertThat(secondary.guest.world.seen())
                        .as("what the world heard of the secondary")
                        .isEqualTo(-1);
            }
            assertThat(primary.token.held() && secondary.token.held()).isFalse();
            assertThat(census.running.get()).isEqualTo(1);
        }
    }

    @Test
    void atAnyMomentOneGoesOnAndOneOnly() throws Exception {
        System.out.println("seed " + SEED);
        SplittableRandom random = new SplittableRandom(SEED);
        for (int moment = 0; moment < MOMENTS; moment++) {
            Cut cut = Cut.values()[moment % 3];
            boolean primaryDies = random.nextBoolean();
            long atByte = random.nextInt(MOST_BYTES);
            try {
                partition(cut, primaryDies, atByte);
            } catch (AssertionError e) {
                throw new AssertionError(
                        "moment %d: %s at byte %d, primary dies: %s".formatted(moment, cut, atByte, primaryDies), e);
            }
        }
    }
}
