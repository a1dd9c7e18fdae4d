// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.engine.arbiter.FileLockArbiter;
import io.godwit.engine.guest.RunControl;
import io.godwit.engine.guest.RunState;
import io.godwit.engine.outcome.GuestOwner;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.engine.report.ColoExitReason;
import io.godwit.engine.report.ColoMode;
import io.godwit.engine.report.ColoStatistics;
import io.godwit.engine.settings.Capability;
import io.godwit.engine.settings.MigrationParameter;
import io.godwit.engine.settings.MigrationParameters;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.testkit.guest.CountingGuest;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A secondary is what its primary was at the last checkpoint, and takes its place, or the primary goes on alone. */
final class ColoTest {
    @TempDir
    Path directory;

    private final CountingGuest.Census census = new CountingGuest.Census();
    private final CountingGuest primaryGuest = new CountingGuest(UUID.randomUUID(), census);
    private final List<Standby> standbys = new ArrayList<>();
    private FileLockArbiter primaryArbiter;
    private RunControl primaryRun;
    private Migrator primary;

    /** One more host. */
    private final class Standby {
        final CountingGuest guest = new CountingGuest(UUID.randomUUID(), census);
        final RunControl run;
        final Migrator migrator;

        Standby(Path locks) {
            run = new RunControl(guest, new FileLockArbiter(locks), RunState.INMIGRATE);
            migrator = new Migrator(guest, run);
            migrator.setParameters(parameters());
            migrator.setCapability(Capability.X_COLO, true);
            standbys.add(this);
        }

        String listen() {
            migrator.migrateIncoming("tcp:127.0.0.1:0");
            return migrator.statistics().listenAddress().orElseThrow();
        }
    }

    private static MigrationParameters parameters() {
        return ColoSettings.everyMillis(5);
    }

    @BeforeEach
    void start() {
        primaryArbiter = new FileLockArbiter(directory);
        primaryRun = new RunControl(primaryGuest, primaryArbiter, RunState.PRELAUNCH);
        primary = new Migrator(primaryGuest, primaryRun);
        primary.setParameters(parameters());
        primary.setCapability(Capability.X_COLO, true);
        primaryGuest.fill(7);
        primaryRun.cont();
    }

    @AfterEach
    void close() {
        primary.close();
        standbys.forEach(one -> one.migrator.close());
        primaryRun.shutdown();
        standbys.forEach(one -> one.run.shutdown());
        primaryGuest.close();
        standbys.forEach(one -> one.guest.close());
    }

    private static void await(String what, BooleanSupplier condition) {
        long deadline = System.nanoTime() + Duration.ofSeconds(60).toNanos();
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime() - deadline).as(what).isNegative();
            Thread.onSpinWait();
        }
    }

    private static ColoStatistics colo(Migrator side) {
        return side.statistics().colo().orElse(ColoStatistics.NONE);
    }

    private Standby protect() {
        Standby standby = new Standby(directory);
        primary.migrate(standby.listen());
        awaitCheckpoints(standby, 3);
        return standby;
    }

    private void awaitCheckpoints(Standby standby, long more) {
        long from = colo(standby.migrator).checkpoints();
        await(more + " checkpoints more", () -> {
            assertThat(primary.statistics().status().isEnded())
                    .as(primary.statistics() + " and " + standby.migrator.statistics())
                    .isFalse();
            return colo(standby.migrator).checkpoints() >= from + more;
        });
    }

    private static byte[] memory(CountingGuest guest) {
        NativeMemory memory = guest.ram().snapshot().blocks().getFirst().memory();
        byte[] all = new byte[CountingGuest.RAM_BYTES];
        memory.copyTo(0, all, 0, all.length);
        return all;
    }

    private static void assertGoesOn(CountingGuest guest, RunControl run) {
        assertThat(run.state()).isEqualTo(RunState.RUNNING);
        long from = guest.counter();
        await("the guest runs", () -> guest.counter() > from + 500);
        assertThat(guest.mismatches.get()).as("mismatches that the guest saw").isZero();
    }

    private void kill() throws InterruptedException {
        primary.close();
        assertThat(primary.awaitEnd(Pair.PATIENCE)).isTrue();
        primaryRun.shutdown();
    }

    @ParameterizedTest
    @CsvSource({"0, 0", "0, 1", "1, 0", "1, 1"})
    void eachCheckpointMakesTheSecondaryThePrimary(long periodic, long secondCopy) {
        primary.setParameters(primary.parameters().with(MigrationParameter.COLO_PERIODIC, periodic));
        Standby standby = new Standby(directory);
        standby.migrator.setParameters(parameters().with(MigrationParameter.COLO_SECOND_COPY, secondCopy));
        AtomicReference<byte[]> sent = new AtomicReference<>(new byte[0]);
        AtomicInteger compared = new AtomicInteger();
        AtomicInteger different = new AtomicInteger();
        primaryGuest.beforeSave = () -> sent.set(memory(primaryGuest));
        standby.guest.beforeLoad = () -> {
            compared.incrementAndGet();
            if (!Arrays.equals(sent.get(), memory(standby.guest))) {
                different.incrementAndGet();
            }
        };
        primary.migrate(standby.listen());
        awaitCheckpoints(standby, 20);
        assertThat(primary.statistics().status()).isEqualTo(MigrationStatus.COLO);
        assertThat(standby.migrator.statistics().status()).isEqualTo(MigrationStatus.COLO);
        assertThat(colo(primary).sharesToken()).isTrue();
        assertThat(colo(standby.migrator).sharesToken()).isTrue();
        assertThat(colo(primary).mode()).isEqualTo(ColoMode.PRIMARY);
        assertThat(colo(standby.migrator).mode()).isEqualTo(ColoMode.SECONDARY);
        assertThat(compared.get()).isGreaterThan(20);
        assertThat(different.get())
                .as("checkpoints after which memory differed")
                .isZero();
        assertThat(census.most.get()).as("guests that ran at one time").isEqualTo(periodic == 1 ? 1 : 2);
        assertThat(primaryGuest.mismatches.get() + standby.guest.mismatches.get())
                .isZero();
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 1})
    void theSecondaryTakesThePlaceOfAPrimaryThatDied(long periodic) throws Exception {
        primary.setParameters(primary.parameters().with(MigrationParameter.COLO_PERIODIC, periodic));
        Standby standby = protect();
        // As a process that dies: its token is free and its connections break, and nobody changes the record.
        primaryArbiter.release();
        primary.close();
        assertThat(standby.migrator.awaitEnd(Pair.PATIENCE)).isTrue();
        assertThat(standby.migrator.statistics().status())
                .as(standby.migrator.statistics().toString())
                .isEqualTo(MigrationStatus.COMPLETED);
        assertThat(standby.migrator.statistics().owner()).contains(GuestOwner.HERE);
        assertThat(colo(standby.migrator).lastMode()).isEqualTo(ColoMode.SECONDARY);
        assertGoesOn(standby.guest, standby.run);
        assertThat(primaryRun.state()).isNotEqualTo(RunState.RUNNING);
        assertThat(standby.guest.world.isHolding()).isFalse();
    }

    /** Both live, and the wire between them is cut, say: the token's record tells the secondary that it is too late. */
    @ParameterizedTest
    @ValueSource(longs = {0, 1})
    void theSecondaryNeverRunsOnceThePrimaryHasGoneOnAlone(long periodic) throws Exception {
        primary.setParameters(primary.parameters().with(MigrationParameter.COLO_PERIODIC, periodic));
        Standby standby = protect();
        long fromPrimary = primaryGuest.counter();
        standby.migrator.failOver();
        assertThat(primary.awaitEnd(Pair.PATIENCE)).isTrue();
        assertThat(primary.statistics().owner()).contains(GuestOwner.HERE);
        assertGoesOn(primaryGuest, primaryRun);
        assertThat(primaryGuest.counter()).isGreaterThan(fromPrimary);
        assertThat(standby.migrator.awaitEnd(Pair.PATIENCE)).isTrue();
        assertThat(standby.migrator.statistics().status()).isEqualTo(MigrationStatus.FAILED);
        assertThat(standby.migrator.statistics().error().orElseThrow())
                .contains("the guest that stood by here will not run again");
        assertThat(standby.run.state()).isEqualTo(RunState.POSTMIGRATE);
        kill();
        assertThatThrownBy(standby.migrator::failOver).isInstanceOf(MigrationException.Refused.class);
    }

    /** Nothing is lost for whoever asks a host of two to end: the other one has the guest. */
    @ParameterizedTest
    @ValueSource(longs = {0, 1})
    void aPrimaryThatEndsLeavesItsGuestToTheSecondary(long periodic) throws Exception {
        primary.setParameters(primary.parameters().with(MigrationParameter.COLO_PERIODIC, periodic));
        Standby standby = protect();
        primary.close();
        assertThat(standby.migrator.awaitEnd(Pair.PATIENCE)).isTrue();
        assertThat(standby.migrator.statistics().status())
                .as(standby.migrator.statistics().toString())
                .isEqualTo(MigrationStatus.COMPLETED);
        assertGoesOn(standby.guest, standby.run);
        assertThat(primary.awaitEnd(Pair.PATIENCE)).isTrue();
        assertThat(primary.statistics().owner()).contains(GuestOwner.PEER);
        assertThat(primary.statistics().error().orElseThrow()).contains("leaves the guest to its secondary");
        assertThat(primaryRun.state()).isEqualTo(RunState.POSTMIGRATE);
        assertThat(primaryArbiter.held()).isFalse();
    }

    @Test
    void stopAndContReachTheSecondaryBeforeTheNextCheckpointIsDue() {
        primary.setParameters(primary.parameters().with(MigrationParameter.CHECKPOINT_DELAY, 3_600_000));
        Standby standby = new Standby(directory);
        primary.migrate(standby.listen());
        await("the secondary runs", () -> standby.run.state() == RunState.RUNNING);
        await("the primary runs", () -> primary.statistics().status() == MigrationStatus.COLO);
        primaryRun.stop();
        await("a checkpoint of the stopped guest", () -> colo(standby.migrator).checkpoints() == 1);
        await("the secondary stands still", () -> standby.run.state() == RunState.COLO);
        await("the checkpoint is over", () -> primaryRun.state() == RunState.PAUSED);
        primaryRun.cont();
        await(
                "a checkpoint of the guest that runs",
                () -> colo(standby.migrator).checkpoints() == 2);
        await("the secondary runs again", () -> standby.run.state() == RunState.RUNNING);
        // Which of the two is first nobody says.
        await("the primary runs on", () -> primaryRun.state() == RunState.RUNNING);
    }

    /** The upper bound is an hour; between the bounds it goes by what a checkpoint costs. */
    @Test
    void theIntervalAdaptsToWhatCheckpointsCost() {
        primary.setParameters(primary.parameters()
                .with(MigrationParameter.CHECKPOINT_DELAY, 3_600_000)
                .with(MigrationParameter.CHECKPOINT_MIN_DELAY, 1));
        Standby standby = new Standby(directory);
        primary.migrate(standby.listen());
        awaitCheckpoints(standby, 3);
    }

    @Test
    void aGodwitThatOnlyMovesItsGuestIsNoPrimaryEvenIfItAsksNothing() throws Exception {
        Standby standby = new Standby(directory);
        primary.setCapability(Capability.X_COLO, false);
        primary.setCapability(Capability.RETURN_PATH, false);
        primary.migrate(standby.listen());
        assertThat(standby.migrator.awaitEnd(Pair.PATIENCE)).isTrue();
        assertThat(standby.migrator.statistics().status())
                .as(standby.migrator.statistics().toString())
                .isEqualTo(MigrationStatus.COMPLETED);
        assertGoesOn(standby.guest, standby.run);
    }

    @Test
    void thePrimaryGoesOnAloneAndTakesANewSecondary() throws Exception {
        Standby first = protect();
        first.migrator.close();
        assertThat(primary.awaitEnd(Pair.PATIENCE)).isTrue();
        assertThat(primary.statistics().status())
                .as(primary.statistics().toString())
                .isEqualTo(MigrationStatus.COMPLETED);
        assertThat(primary.statistics().owner()).contains(GuestOwner.HERE);
        assertThat(colo(primary).lastMode()).isEqualTo(ColoMode.PRIMARY);
        assertThat(colo(primary).reason()).isEqualTo(ColoExitReason.ERROR);
        assertGoesOn(primaryGuest, primaryRun);
        Standby second = protect();
        assertThat(primary.statistics().status()).isEqualTo(MigrationStatus.COLO);
        awaitCheckpoints(second, 3);
        primary.cancel();
        assertThat(primary.awaitEnd(Pair.PATIENCE)).isTrue();
        assertThat(primary.statistics().status()).isEqualTo(MigrationStatus.CANCELLED);
        assertGoesOn(primaryGuest, primaryRun);
    }

    @Test
    void aFailoverThatIsAskedForEndsProtectionAtThePrimary() throws Exception {
        Standby standby = protect();
        primary.failOver();
        assertThat(primary.awaitEnd(Pair.PATIENCE)).isTrue();
        assertThat(primary.statistics().status()).isEqualTo(MigrationStatus.COMPLETED);
        assertThat(colo(primary).reason()).isEqualTo(ColoExitReason.REQUEST);
        assertGoesOn(primaryGuest, primaryRun);
        assertThatThrownBy(primary::failOver).isInstanceOf(MigrationException.Refused.class);
        await("the secondary stands still", () -> standby.run.state() != RunState.RUNNING);
    }

    @Test
    void withoutProtectionThereIsNoFailover() {
        assertThatThrownBy(primary::failOver)
                .isInstanceOf(MigrationException.Refused.class)
                .hasMessageContaining("'none'");
    }

    @Test
    void aDestinationWithoutColoRefusesIt() throws Exception {
        Standby standby = new Standby(directory);
        standby.migrator.setCapability(Capability.X_COLO, false);
        primary.migrate(standby.listen());
        assertThat(primary.awaitEnd(Pair.PATIENCE)).isTrue();
        assertThat(standby.migrator.awaitEnd(Pair.PATIENCE)).isTrue();
        assertThat(primary.statistics().status()).isEqualTo(MigrationStatus.FAILED);
        assertThat(standby.migrator.statistics().error().orElseThrow()).contains("'x-colo' on at both sides");
        assertGoesOn(primaryGuest, primaryRun);
    }

    @Test
    void whereTwoConnectionsCannotBeItIsRefusedBeforeAnythingBegins() {
        assertThatThrownBy(() -> primary.migrate("fd:99"))
                .isInstanceOf(MigrationException.Refused.class)
                .hasMessageContaining("fd:99 is one connection, and COLO with a Godwit needs two");
        assertGoesOn(primaryGuest, primaryRun);
    }

    @Test
    void aPrimaryThatDoesNotAskWhoItsSecondaryIsIsRefusedBeforeTheFirstPage() throws Exception {
        Standby standby = new Standby(directory);
        primary.setCapability(Capability.RETURN_PATH, false);
        primary.migrate(standby.listen());
        assertThat(standby.migrator.awaitEnd(Pair.PATIENCE)).isTrue();
        assertThat(standby.migrator.statistics().error().orElseThrow()).contains("switch 'return-path' on");
        assertThat(primary.awaitEnd(Pair.PATIENCE)).isTrue();
        assertThat(primary.statistics().owner()).contains(GuestOwner.HERE);
        assertGoesOn(primaryGuest, primaryRun);
    }

    @Test
    void theStandbyCannotBeStoppedNorStartedByHand() {
        Standby standby = protect();
        assertThatThrownBy(standby.run::cont).hasMessageContaining("secondary");
        assertThatThrownBy(standby.run::stop).hasMessageContaining("secondary");
    }
}
