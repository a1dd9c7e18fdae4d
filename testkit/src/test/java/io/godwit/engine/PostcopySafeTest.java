// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.engine.guest.RunState;
import io.godwit.engine.outcome.GuestOwner;
import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.engine.report.CheckpointStatistics;
import io.godwit.engine.report.MigrationStatistics;
import io.godwit.engine.report.PostcopyStatistics;
import io.godwit.engine.settings.Capability;
import io.godwit.engine.settings.MigrationParameter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
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

    private PostcopyPair pair;

    @BeforeEach
    void start() {
        start(directory);
    }

    private void start(Path destinationLocks) {
        pair = new PostcopyPair(directory, destinationLocks);
        pair.source.setParameters(pair.source
                .parameters()
                .with(MigrationParameter.MAX_BANDWIDTH, 4 << 20)
                .with(MigrationParameter.MAX_POSTCOPY_BANDWIDTH, 2 << 20)
                .with(MigrationParameter.SAFE_EPOCH, 5));
        pair.usePreempt();
        pair.source.setCapability(Capability.POSTCOPY_SAFE, true);
        pair.sourceGuest.world.mayMiss();
    }

    @AfterEach
    void close() {
        pair.close();
    }

    private void pushFreely() {
        pair.source.setParameters(pair.source.parameters().with(MigrationParameter.MAX_POSTCOPY_BANDWIDTH, 0));
    }

    private void switchToPostcopy() {
        pair.source.migrate(pair.listen());
        pair.awaitStatus(pair.source, MigrationStatus.ACTIVE);
        pair.source.startPostcopy();
        pair.awaitStatus(pair.source, MigrationStatus.POSTCOPY_ACTIVE);
    }

    private long epochs() {
        return pair.source
                .statistics()
                .postcopy()
                .flatMap(PostcopyStatistics::safety)
                .map(CheckpointStatistics::epochs)
                .orElse(0L);
    }

    private void awaitEpochs(long count) {
        pair.awaitThat(() -> epochs() >= count, count + " epochs");
    }

    private void endDestination() throws InterruptedException {
        pair.destination.close();
        assertThat(pair.destination.awaitEnd(Pair.PATIENCE)).isTrue();
        pair.destinationRun.shutdown();
    }

    private void assertSourceWentOn() throws InterruptedException {
        assertThat(pair.source.awaitEnd(Pair.PATIENCE)).isTrue();
        MigrationStatistics statistics = pair.source.statistics();
        assertThat(statistics.status()).as(statistics.toString()).isEqualTo(MigrationStatus.FAILED);
        assertThat(statistics.owner()).contains(GuestOwner.HERE);
        assertThat(pair.sourceRun.state()).isEqualTo(RunState.RUNNING);
        long from = pair.sourceGuest.counter();
        assertThat(from)
                .as("what the world has seen is not undone")
                .isGreaterThanOrEqualTo(pair.destinationGuest.world.seen());
        pair.awaitThat(() -> pair.sourceGuest.counter() > from + 200, "the guest runs");
        assertThat(pair.sourceGuest.mismatches.get()).isZero();
        assertThat(pair.census.most.get()).as("copies that ran at one instant").isEqualTo(1);
    }

    private void assertMoved() throws InterruptedException {
        assertThat(pair.source.awaitEnd(Pair.PATIENCE)).isTrue();
        assertThat(pair.destination.awaitEnd(Pair.PATIENCE)).isTrue();
        assertThat(pair.source.statistics().status())
                .as(pair.source.statistics().toString())
                .isEqualTo(MigrationStatus.COMPLETED);
        assertThat(pair.destination.statistics().status()).isEqualTo(MigrationStatus.COMPLETED);
        assertThat(pair.destinationGuest.world.isHolding()).isFalse();
        long from = pair.destinationGuest.world.seen();
        pair.awaitThat(() -> pair.destinationGuest.world.seen() > from + 200, "the world sees the guest");
        assertThat(pair.destinationGuest.mismatches.get()).isZero();
        assertThat(pair.census.most.get()).isEqualTo(1);
    }

    @Test
    void aGuestMovesAndItsOutputsFlowInTheEnd() throws Exception {
        switchToPostcopy();
        awaitEpochs(5);
        pushFreely();
        assertMoved();
        CheckpointStatistics made =
                pair.destination.statistics().postcopy().orElseThrow().safety().orElseThrow();
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
            pair.awaitThat(() -> pair.destinationRun.state() == RunState.RUNNING, "the guest arrives");
        }
        endDestination();
        assertSourceWentOn();
        assertThat(pair.source.statistics().error().orElseThrow()).contains("the destination is gone");
    }

    @Test
    void aCutIsRecoveredAndNothingIsSeenTwice() throws Exception {
        switchToPostcopy();
        awaitEpochs(3);
        pair.pause(pair.source);
        long seen = pair.destinationGuest.world.seen();
        long held = pair.destinationGuest.world.heldCount();
        pair.awaitThat(() -> pair.destinationGuest.world.heldCount() >= held, "outputs wait");
        assertThat(pair.destinationGuest.world.seen()).isEqualTo(seen);
        pair.recover();
        long before = epochs();
        awaitEpochs(before + 3);
        pushFreely();
        assertMoved();
    }

    private long missingAtDestination() {
        return pair.destination.statistics().postcopy().orElseThrow().missingPages();
    }

    private boolean isSafe() {
        return pair.source
                .statistics()
                .postcopy()
                .flatMap(PostcopyStatistics::safety)
                .orElseThrow()
                .active();
    }

    @Test
    void aSourceKeepsAGuestWhoseMemoryIsThereBeforeItsDevices() throws Exception {
        pushFreely();
        AtomicBoolean safe = new AtomicBoolean();
        pair.destinationGuest.beforeLoad = () -> {
            pair.awaitThat(() -> missingAtDestination() == 0, "all memory is there");
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
        pair.destinationGuest.world.beforeEpochEnds(() -> {
            inEpoch.countDown();
            try {
                assertThat(goOn.await(20, TimeUnit.SECONDS)).isTrue();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        });
        assertThat(inEpoch.await(20, TimeUnit.SECONDS)).isTrue();
        pushFreely();
        pair.awaitThat(() -> missingAtDestination() == 0, "all memory is there");
        // The end of the stream follows within the time of some PINGs.
        LockSupport.parkNanos(Duration.ofMillis(100).toNanos());
        pair.source.pausePostcopy();
        pair.awaitStatus(pair.source, MigrationStatus.POSTCOPY_PAUSED);
        goOn.countDown();
        pair.awaitStatus(pair.destination, MigrationStatus.POSTCOPY_PAUSED);
        pair.recover();
        assertMoved();
    }

    @Test
    void aDestinationThatEndsWhilePausedLeavesTheGuestToTheSource() throws Exception {
        switchToPostcopy();
        awaitEpochs(3);
        pair.pause(pair.source);
        endDestination();
        assertSourceWentOn();
    }

    @Test
    void aDestinationWithAnotherTokenIsRefusedBeforeAnythingBegins() throws Exception {
        pair.close();
        start(elsewhere);
        pair.source.migrate(pair.listen());
        assertThat(pair.source.awaitEnd(Pair.PATIENCE)).isTrue();
        assertThat(pair.source.statistics().status()).isEqualTo(MigrationStatus.FAILED);
        assertThat(pair.source.statistics().error().orElseThrow()).contains("shares the token");
        assertThat(pair.sourceRun.state()).isEqualTo(RunState.RUNNING);
    }
}
