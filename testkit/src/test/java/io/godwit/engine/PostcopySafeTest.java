// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;

import io.godwit.engine.arbiter.FileLockArbiter;
import io.godwit.engine.guest.RunControl;
import io.godwit.engine.guest.RunState;
import io.godwit.engine.outcome.GuestOwner;
import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.engine.report.CheckpointStatistics;
import io.godwit.engine.report.MigrationStatistics;
import io.godwit.engine.report.PostcopyStatistics;
import io.godwit.engine.settings.Capability;
import io.godwit.engine.settings.MigrationParameter;
import io.godwit.engine.settings.MigrationParameters;
import io.godwit.linux.memory.Support;
import io.godwit.linux.memory.Userfaultfd;
import io.godwit.testkit.guest.CountingGuest;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Postcopy whose destination may die. The guest is a thread of this JVM, so the destination dies here by ending. */
@Tag("kernel")
@Timeout(180)
class PostcopySafeTest {
    @TempDir
    Path directory;

    @TempDir
    Path elsewhere;

    private final CountingGuest.Census census = new CountingGuest.Census();
    private CountingGuest sourceGuest;
    private CountingGuest destinationGuest;
    private RunControl sourceRun;
    private RunControl destinationRun;
    private Migrator source;
    private Migrator destination;

    @BeforeEach
    void start() {
        if (Userfaultfd.support(Set.of(), Userfaultfd.Faults.USER) instanceof Support.Missing missing) {
            abort(missing.sentence());
        }
        sourceGuest = CountingGuest.byDowncalls(UUID.randomUUID(), census);
        destinationGuest = CountingGuest.byDowncalls(UUID.randomUUID(), census);
        sourceRun = new RunControl(sourceGuest, new FileLockArbiter(directory), RunState.PRELAUNCH);
        startDestination(directory);
        source = new Migrator(sourceGuest, sourceRun);
        source.setParameters(parameters()
                .with(MigrationParameter.MAX_POSTCOPY_BANDWIDTH, 2 << 20)
                .with(MigrationParameter.SAFE_EPOCH, 5));
        for (Capability capability :
                List.of(Capability.POSTCOPY_RAM, Capability.POSTCOPY_PREEMPT, Capability.POSTCOPY_SAFE)) {
            source.setCapability(capability, true);
        }
        sourceGuest.world.mayMiss();
        sourceGuest.fill(7);
        sourceRun.cont();
    }

    private void startDestination(Path locks) {
        destinationRun = new RunControl(destinationGuest, new FileLockArbiter(locks), RunState.INMIGRATE);
        destination = new Migrator(destinationGuest, destinationRun);
        destination.setParameters(parameters());
        destination.setCapability(Capability.POSTCOPY_RAM, true);
        destination.setCapability(Capability.POSTCOPY_PREEMPT, true);
    }

    private static MigrationParameters parameters() {
        return MigrationParameters.DEFAULTS
                .with(MigrationParameter.MAX_BANDWIDTH, 4 << 20)
                .with(MigrationParameter.HANDOVER_TIMEOUT, 5000)
                .with(MigrationParameter.CONNECT_TIMEOUT, 5000);
    }

    @AfterEach
    void close() {
        source.close();
        destination.close();
        sourceRun.shutdown();
        destinationRun.shutdown();
        sourceGuest.close();
        destinationGuest.close();
    }

    private static void await(String what, BooleanSupplier condition) {
        long deadline = System.nanoTime() + Duration.ofSeconds(60).toNanos();
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime() - deadline).as(what).isNegative();
            Thread.onSpinWait();
        }
    }

    private static void awaitStatus(Migrator side, MigrationStatus status) {
        await(status.publicName(), () -> side.statistics().status() == status);
    }

    private void switchToPostcopy() {
        destination.migrateIncoming("tcp:127.0.0.1:0");
        source.migrate(destination.statistics().listenAddress().orElseThrow());
        awaitStatus(source, MigrationStatus.ACTIVE);
        source.startPostcopy();
        awaitStatus(source, MigrationStatus.POSTCOPY_ACTIVE);
    }

    private long epochs() {
        return source.statistics()
                .postcopy()
                .flatMap(PostcopyStatistics::safety)
                .map(CheckpointStatistics::epochs)
                .orElse(0L);
    }

    private void awaitEpochs(long count) {
        await(count + " epochs", () -> epochs() >= count);
    }

    private void endDestination() throws InterruptedException {
        destination.close();
        assertThat(destination.awaitEnd(Pair.PATIENCE)).isTrue();
        destinationRun.shutdown();
    }

    private void assertSourceWentOn() throws InterruptedException {
        assertThat(source.awaitEnd(Pair.PATIENCE)).isTrue();
        MigrationStatistics statistics = source.statistics();
        assertThat(statistics.status()).as(statistics.toString()).isEqualTo(MigrationStatus.FAILED);
        assertThat(statistics.owner()).contains(GuestOwner.HERE);
        assertThat(sourceRun.state()).isEqualTo(RunState.RUNNING);
        long from = sourceGuest.counter();
        assertThat(from)
                .as("what the world has seen is not undone")
                .isGreaterThanOrEqualTo(destinationGuest.world.seen());
        await("the guest runs", () -> sourceGuest.counter() > from + 200);
        assertThat(sourceGuest.mismatches.get()).isZero();
        assertThat(census.most.get()).as("copies that ran at one instant").isEqualTo(1);
    }

    private void assertMoved() throws InterruptedException {
        assertThat(source.awaitEnd(Pair.PATIENCE)).isTrue();
        assertThat(destination.awaitEnd(Pair.PATIENCE)).isTrue();
        assertThat(source.statistics().status())
                .as(source.statistics().toString())
                .isEqualTo(MigrationStatus.COMPLETED);
        assertThat(destination.statistics().status()).isEqualTo(MigrationStatus.COMPLETED);
        assertThat(destinationGuest.world.isHolding()).isFalse();
        long from = destinationGuest.world.seen();
        await("the world sees the guest", () -> destinationGuest.world.seen() > from + 200);
        assertThat(destinationGuest.mismatches.get()).isZero();
        assertThat(census.most.get()).isEqualTo(1);
    }

    @Test
    void aGuestMovesAndItsOutputsFlowInTheEnd() throws Exception {
        switchToPostcopy();
        awaitEpochs(5);
        source.setParameters(source.parameters().with(MigrationParameter.MAX_POSTCOPY_BANDWIDTH, 0));
        assertMoved();
        CheckpointStatistics made =
                destination.statistics().postcopy().orElseThrow().safety().orElseThrow();
        assertThat(made.epochs()).isGreaterThanOrEqualTo(5);
        assertThat(made.active()).isFalse();
        assertThat(made.pause().count()).isGreaterThanOrEqualTo(made.epochs());
        assertThat(made.releasedOutputs()).isPositive();
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 20})
    void aDestinationThatEndsLeavesTheGuestToTheSource(int epochs) throws Exception {
        switchToPostcopy();
        if (epochs > 0) {
            awaitEpochs(epochs);
        } else {
            await("the guest arrives", () -> destinationRun.state() == RunState.RUNNING);
        }
        endDestination();
        assertSourceWentOn();
        assertThat(source.statistics().error().orElseThrow()).contains("the destination is gone");
    }

    @Test
    void aCutIsRecoveredAndNothingIsSeenTwice() throws Exception {
        switchToPostcopy();
        awaitEpochs(3);
        source.pausePostcopy();
        awaitStatus(source, MigrationStatus.POSTCOPY_PAUSED);
        awaitStatus(destination, MigrationStatus.POSTCOPY_PAUSED);
        long seen = destinationGuest.world.seen();
        long held = destinationGuest.world.heldCount();
        await("outputs wait", () -> destinationGuest.world.heldCount() >= held);
        assertThat(destinationGuest.world.seen()).isEqualTo(seen);
        destination.recover("tcp:127.0.0.1:0");
        source.resume(destination.statistics().listenAddress().orElseThrow());
        long before = epochs();
        awaitEpochs(before + 3);
        source.setParameters(source.parameters().with(MigrationParameter.MAX_POSTCOPY_BANDWIDTH, 0));
        assertMoved();
    }

    private long missingAtDestination() {
        return destination.statistics().postcopy().orElseThrow().missingPages();
    }

    private boolean isSafe() {
        return source.statistics()
                .postcopy()
                .flatMap(PostcopyStatistics::safety)
                .orElseThrow()
                .active();
    }

    @Test
    void aSourceKeepsAGuestWhoseMemoryIsThereBeforeItsDevices() throws Exception {
        source.setParameters(source.parameters().with(MigrationParameter.MAX_POSTCOPY_BANDWIDTH, 0));
        AtomicBoolean safe = new AtomicBoolean();
        destinationGuest.beforeLoad = () -> {
            await("all memory is there", () -> missingAtDestination() == 0);
            long deadline = System.nanoTime() + Duration.ofMillis(200).toNanos();
            while (isSafe() && System.nanoTime() - deadline < 0) {
                Thread.onSpinWait();
            }
            safe.set(isSafe());
        };
        switchToPostcopy();
        assertMoved();
        assertThat(safe)
                .as("the source could have gone on while devices were loaded")
                .isTrue();
    }

    @Test
    void aCutBehindTheLastPageDoesNotLeaveTheOutputsHeld() throws Exception {
        switchToPostcopy();
        awaitEpochs(1);
        CountDownLatch inEpoch = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        destinationGuest.world.beforeEpochEnds(() -> {
            inEpoch.countDown();
            try {
                assertThat(goOn.await(20, TimeUnit.SECONDS)).isTrue();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        });
        assertThat(inEpoch.await(20, TimeUnit.SECONDS)).isTrue();
        source.setParameters(source.parameters().with(MigrationParameter.MAX_POSTCOPY_BANDWIDTH, 0));
        await("all memory is there", () -> missingAtDestination() == 0);
        // The end of the stream follows within the time of some PINGs.
        LockSupport.parkNanos(Duration.ofMillis(100).toNanos());
        source.pausePostcopy();
        awaitStatus(source, MigrationStatus.POSTCOPY_PAUSED);
        goOn.countDown();
        awaitStatus(destination, MigrationStatus.POSTCOPY_PAUSED);
        destination.recover("tcp:127.0.0.1:0");
        source.resume(destination.statistics().listenAddress().orElseThrow());
        assertMoved();
    }

    @Test
    void aDestinationThatEndsWhilePausedLeavesTheGuestToTheSource() throws Exception {
        switchToPostcopy();
        awaitEpochs(3);
        source.pausePostcopy();
        awaitStatus(source, MigrationStatus.POSTCOPY_PAUSED);
        awaitStatus(destination, MigrationStatus.POSTCOPY_PAUSED);
        endDestination();
        assertSourceWentOn();
    }

    @Test
    void aDestinationWithAnotherTokenIsRefusedBeforeAnythingBegins() throws Exception {
        destinationRun.shutdown();
        startDestination(elsewhere);
        destination.migrateIncoming("tcp:127.0.0.1:0");
        source.migrate(destination.statistics().listenAddress().orElseThrow());
        assertThat(source.awaitEnd(Pair.PATIENCE)).isTrue();
        assertThat(source.statistics().status()).isEqualTo(MigrationStatus.FAILED);
        assertThat(source.statistics().error().orElseThrow()).contains("shares the token");
        assertThat(sourceRun.state()).isEqualTo(RunState.RUNNING);
    }
}
