// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.engine.arbiter.Arbiter;
import io.godwit.engine.arbiter.FileLockArbiter;
import io.godwit.engine.guest.RunControl;
import io.godwit.engine.guest.RunState;
import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.engine.report.ColoStatistics;
import io.godwit.engine.settings.Capability;
import io.godwit.engine.settings.MigrationParameter;
import io.godwit.engine.settings.MigrationParameters;
import io.godwit.testkit.guest.CountingGuest;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What two hosts leave behind: in the token's record, in the world, and in a flight recording. */
final class ColoRecordTest {
    @TempDir
    Path directory;

    private final CountingGuest.Census census = new CountingGuest.Census();
    private final CountingGuest primaryGuest = CountingGuest.byDowncalls(UUID.randomUUID(), census);
    private final CountingGuest standbyGuest = CountingGuest.byDowncalls(UUID.randomUUID(), census);
    /** Whether the world was still kept waiting as the record was written. */
    private final List<String> records = new CopyOnWriteArrayList<>();

    /** What the guest that takes over knows when it is about to run; it says more only afterwards. */
    private final AtomicLong known = new AtomicLong();

    private RunControl primaryRun;
    private RunControl standbyRun;
    private Migrator primary;
    private Migrator standby;

    private static MigrationParameters parameters() {
        return ColoSettings.everyMillis(5).with(MigrationParameter.COLO_PERIODIC, 1);
    }

    @BeforeEach
    void protect() {
        Arbiter primaryArbiter = new NotingArbiter(protection -> records.add(
                (protection.isPresent() ? "a" : "no") + " protection, held: " + primaryGuest.world.isHolding()));
        primaryRun = new RunControl(primaryGuest, primaryArbiter, RunState.PRELAUNCH);
        Arbiter standbyArbiter = new NotingArbiter(_ -> known.set(standbyGuest.counter()));
        standbyRun = new RunControl(standbyGuest, standbyArbiter, RunState.INMIGRATE);
        primary = new Migrator(primaryGuest, primaryRun);
        standby = new Migrator(standbyGuest, standbyRun);
        for (Migrator side : List.of(primary, standby)) {
            side.setParameters(parameters());
            side.setCapability(Capability.X_COLO, true);
        }
        primaryRun.cont();
        standby.migrateIncoming("tcp:127.0.0.1:0");
    }

    @AfterEach
    void close() {
        primary.close();
        standby.close();
        primaryRun.shutdown();
        standbyRun.shutdown();
        primaryGuest.close();
        standbyGuest.close();
    }

    private void awaitCheckpoints() {
        primary.migrate(standby.statistics().listenAddress().orElseThrow());
        long deadline = System.nanoTime() + Pair.PATIENCE.toNanos();
        while (standby.statistics().colo().orElse(ColoStatistics.NONE).checkpoints() < 5) {
            assertThat(System.nanoTime() - deadline).as("checkpoints").isNegative();
            Thread.onSpinWait();
        }
    }

    @Test
    void theRecordLosesTheProtectionBeforeWhatIsHeldLeaves() throws Exception {
        awaitCheckpoints();
        records.clear();
        standby.close();
        assertThat(primary.awaitEnd(Pair.PATIENCE)).isTrue();
        assertThat(primary.statistics().status()).isEqualTo(MigrationStatus.COMPLETED);
        assertThat(records).containsExactly("no protection, held: true");
        assertThat(primaryGuest.world.isHolding()).isFalse();
    }

    @Test
    void whatTheWorldHasHeardTheSurvivorKnows() throws Exception {
        awaitCheckpoints();
        primary.close();
        assertThat(standby.awaitEnd(Pair.PATIENCE)).isTrue();
        assertThat(standbyRun.state()).isEqualTo(RunState.RUNNING);
        assertThat(primaryGuest.world.seen()).isPositive().isLessThanOrEqualTo(known.get());
        long deadline = System.nanoTime() + Pair.PATIENCE.toNanos();
        while (standbyGuest.world.seen() < known.get() + 50) {
            assertThat(System.nanoTime() - deadline)
                    .as("the world hears of the survivor")
                    .isNegative();
            Thread.onSpinWait();
        }
        assertThat(standbyGuest.mismatches.get()).isZero();
    }

    @Test
    void aFlightRecordingHasTheCheckpointsAndTheFailover() throws Exception {
        Path file = directory.resolve("colo.jfr");
        try (Recording recording = new Recording()) {
            for (String event : List.of("Checkpoint", "CheckpointLoaded", "Failover")) {
                recording.enable("io.godwit." + event);
            }
            recording.start();
            awaitCheckpoints();
            standby.close();
            assertThat(primary.awaitEnd(Pair.PATIENCE)).isTrue();
            recording.stop();
            recording.dump(file);
        }
        List<RecordedEvent> all = RecordingFile.readAllEvents(file);
        List<RecordedEvent> made = named(all, "Checkpoint");
        assertThat(made).hasSizeGreaterThanOrEqualTo(4).allSatisfy(event -> {
            assertThat(event.getDuration("pause")).isPositive();
            assertThat(event.getDuration("stop").plus(event.getDuration("send")).plus(event.getDuration("answer")))
                    .isEqualTo(event.getDuration("pause"));
        });
        assertThat(made)
                .anySatisfy(event -> assertThat(event.getLong("heldOutputs")).isPositive());
        assertThat(named(all, "CheckpointLoaded"))
                .hasSizeGreaterThanOrEqualTo(5)
                .allSatisfy(event -> {
                    assertThat(event.getDuration("pause")).isGreaterThan(event.getDuration("flush"));
                    assertThat(event.getLong("pages")).isPositive();
                    assertThat(sum(event.getString("pagesByThread"))).isEqualTo(event.getLong("pages"));
                    assertThat(sum(event.getString("nanosByThread"))).isPositive();
                });
        assertThat(named(all, "Failover")).anySatisfy(event -> {
            assertThat(event.getString("mode")).isEqualTo("primary");
            assertThat(event.getString("reason")).isEqualTo("error");
            assertThat(event.getDuration("took")).isPositive().isLessThan(Duration.ofMinutes(1));
        });
    }

    private static List<RecordedEvent> named(List<RecordedEvent> all, String name) {
        List<RecordedEvent> found = new ArrayList<>(all);
        boolean _ = found.removeIf(event -> !event.getEventType().getName().equals("io.godwit." + name));
        return found;
    }

    private static long sum(String numbers) {
        return Arrays.stream(numbers.split(" ")).mapToLong(Long::parseLong).sum();
    }

    /** Lets a test look when the record is written, before it is. */
    private final class NotingArbiter implements Arbiter {
        private final Arbiter arbiter = new FileLockArbiter(directory);
        private final Consumer<Optional<UUID>> look;

        NotingArbiter(Consumer<Optional<UUID>> look) {
            this.look = look;
        }

        @Override
        public void recordRun(Optional<UUID> protection) {
            look.accept(protection);
            arbiter.recordRun(protection);
        }

        @Override
        public Claim claim(UUID guest, Duration patience) {
            return arbiter.claim(guest, patience);
        }

        @Override
        public long fencingNumber() {
            return arbiter.fencingNumber();
        }

        @Override
        public void watchLoss(Runnable lost) {
            arbiter.watchLoss(lost);
        }

        @Override
        public void release() {
            arbiter.release();
        }

        @Override
        public boolean held() {
            return arbiter.held();
        }

        @Override
        public String self() {
            return arbiter.self();
        }

        @Override
        public void close() {
            arbiter.close();
        }
    }
}
