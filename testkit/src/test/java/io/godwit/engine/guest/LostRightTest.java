// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.guest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.engine.arbiter.Arbiter;
import io.godwit.engine.arbiter.ArbiterException;
import io.godwit.engine.arbiter.LastRun;
import io.godwit.engine.outcome.GuestOwner;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.testkit.guest.CountingGuest;
import java.time.Duration;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a host does whose token could not be kept. */
class LostRightTest {
    private static final String SELF = "this host";
    private static final String OTHER = "another host";

    private final CountingGuest.Census census = new CountingGuest.Census();
    private final CountingGuest guest = new CountingGuest(UUID.randomUUID(), census);
    private final ScriptedArbiter arbiter = new ScriptedArbiter();
    private final RunControl run = new RunControl(guest, arbiter, RunState.PRELAUNCH);
    private final Semaphore resumes = new Semaphore(0);
    private final Semaphore stops = new Semaphore(0);
    /** Before the arbiter's thread has the lock. */
    private volatile Step onRightLost = () -> {};

    private interface Step {
        void call() throws InterruptedException;
    }

    @BeforeEach
    void start() throws Exception {
        run.addListener(new RunControl.Listener() {
            @Override
            public void stopped() {
                stops.release();
            }

            @Override
            public void resumed() {
                resumes.release();
            }

            @Override
            public void rightLost() {
                try {
                    onRightLost.call();
                } catch (InterruptedException e) {
                    throw new AssertionError(e);
                }
            }
        });
        run.cont();
        await(resumes);
        await(arbiter.wins);
        await(arbiter.claims);
    }

    @AfterEach
    void end() {
        run.shutdown();
        guest.close();
    }

    @Test
    void theGuestStandsStillBeforeTheArbiterGoesOn() {
        arbiter.answer = () -> new Arbiter.Claim.Lost(OTHER, LastRun.NEVER);
        arbiter.lose();
        assertThat(census.running.get()).isZero();
        assertThat(stops.availablePermits()).isEqualTo(1);
        assertThat(run.state()).isEqualTo(RunState.PAUSED);
        assertThat(run.whyStill().orElseThrow()).contains("is lost", "goes on by itself");
    }

    @Test
    void theGuestStandsStillWhileTheArbiterIsAskedToEndAProtection() throws Exception {
        Semaphore asked = new Semaphore(0);
        Semaphore answer = new Semaphore(0);
        run.copy().announceProtection(UUID.randomUUID());
        arbiter.onRecord = () -> {
            asked.release();
            answer.acquireUninterruptibly();
        };
        CompletableFuture<Void> end = CompletableFuture.runAsync(run.copy()::endProtection, Thread::startVirtualThread);
        await(asked);
        arbiter.answer = () -> new Arbiter.Claim.Lost(OTHER, LastRun.NEVER);
        try {
            CompletableFuture.runAsync(arbiter::lose, Thread::startVirtualThread)
                    .get(60, TimeUnit.SECONDS);
            assertThat(census.running.get()).isZero();
        } finally {
            answer.release();
        }
        assertThatThrownBy(end::join).hasCauseInstanceOf(MigrationException.RightToRun.class);
    }

    @Test
    void theGuestGoesOnWhenTheTokenIsWonAgainAndNobodyElseRanIt() throws Exception {
        arbiter.answer = () -> {
            throw new ArbiterException("no member answers");
        };
        arbiter.lose();
        await(arbiter.claims);
        arbiter.answer = () -> new Arbiter.Claim.Won(new LastRun(SELF, Optional.empty()));
        await(resumes);
        assertThat(run.state()).isEqualTo(RunState.RUNNING);
        assertThat(run.whyStill()).isEmpty();
    }

    /** The token is lost before an arbiter answers again, or is not. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aGuestThatIsTakenBackWhileNoArbiterAnswersRunsWhenOneDoes(boolean isLost) throws Exception {
        Semaphore asked = new Semaphore(0);
        boolean ran = run.stopForSwitchover();
        arbiter.onRecord = () -> {
            asked.release();
            throw new ArbiterException("no member answers");
        };
        assertThat(run.takeBack(ran, false)).isEqualTo(GuestOwner.HERE);
        assertThat(run.state()).isEqualTo(RunState.PAUSED);
        asked.acquire(2);
        if (isLost) {
            arbiter.answer = () -> new Arbiter.Claim.Won(new LastRun(SELF, Optional.empty()));
            arbiter.lose();
            asked.drainPermits();
            await(asked);
        }
        arbiter.onRecord = () -> {};
        await(resumes);
        assertThat(run.state()).isEqualTo(RunState.RUNNING);
    }

    @Test
    void aGuestThatRanElsewhereMeanwhileIsForTheOperator() throws Exception {
        arbiter.answer = () -> new Arbiter.Claim.Won(new LastRun(OTHER, Optional.empty()));
        arbiter.lose();
        await(arbiter.releases);
        // The thread that tries has the lock until it has decided.
        assertThat(run.whileStill(Duration.ofSeconds(5), () -> {})).isTrue();
        assertThat(run.isUndecided()).isTrue();
        assertThat(run.state()).isEqualTo(RunState.PAUSED);
        assertThat(run.whyStill().orElseThrow()).contains("look there first");
        run.cont();
        assertThat(run.state()).isEqualTo(RunState.RUNNING);
    }

    @Test
    void aGuestThatSomebodyStopsMeanwhileDoesNotGoOnByItself() throws Exception {
        arbiter.answer = () -> new Arbiter.Claim.Lost(OTHER, LastRun.NEVER);
        arbiter.lose();
        run.stop();
        arbiter.answer = () -> new Arbiter.Claim.Won(new LastRun(SELF, Optional.empty()));
        await(arbiter.wins);
        assertThat(run.whileStill(Duration.ofSeconds(5), () -> {})).isTrue();
        assertThat(run.state()).isEqualTo(RunState.PAUSED);
        assertThat(run.whyStill()).isEmpty();
        assertThat(resumes.availablePermits()).isZero();
    }

    @Test
    void nothingIsHandedOverWithoutTheRight() {
        arbiter.answer = () -> new Arbiter.Claim.Lost(OTHER, LastRun.NEVER);
        arbiter.lose();
        assertThatThrownBy(() -> Departure.of(guest, run)).isInstanceOf(MigrationException.RightToRun.class);
        assertThatThrownBy(run::stopForSwitchover)
                .isInstanceOf(MigrationException.RightToRun.class)
                .hasMessageContaining("is lost");
        assertThatThrownBy(run::cont).isInstanceOf(MigrationException.RightToRun.class);
    }

    @Test
    void aRightLostInTheSwitchoverIsNotGivenUpAndTheGuestComesBackByItself() throws Exception {
        arbiter.answer = () -> {
            throw new ArbiterException("no member answers");
        };
        boolean ran = run.stopForSwitchover();
        arbiter.lose();
        assertThatThrownBy(run::releaseRightToRun).isInstanceOf(MigrationException.RightToRun.class);
        assertThat(run.takeBack(ran, false)).isEqualTo(GuestOwner.UNDECIDED);
        assertThat(run.state()).isEqualTo(RunState.PAUSED);
        arbiter.answer = () -> new Arbiter.Claim.Won(new LastRun(SELF, Optional.empty()));
        await(resumes);
        assertThat(run.state()).isEqualTo(RunState.RUNNING);
    }

    @Test
    void aGuestThatStandsStillForAMomentDoesNotGoOnWithoutItsRight() {
        arbiter.answer = () -> new Arbiter.Claim.Lost(OTHER, LastRun.NEVER);
        Thread[] arbiterThread = new Thread[1];
        boolean stood = run.whileStill(Duration.ofSeconds(5), () -> {
            arbiterThread[0] = Thread.ofPlatform().start(arbiter::lose);
            while (run.whyStill().isEmpty()) {
                Thread.onSpinWait();
            }
        });
        assertThat(stood).isTrue();
        assertThat(census.running.get()).isZero();
        join(arbiterThread[0]);
        assertThat(run.state()).isEqualTo(RunState.PAUSED);
    }

    /** The end of the checkpoint comes before the arbiter's thread has the lock, or behind it. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aGuestWhoseRightIsLostInACheckpointGoesOnOnceWhenItIsWonAgain(boolean endIsFirst) throws Exception {
        arbiter.answer = () -> new Arbiter.Claim.Lost(OTHER, LastRun.NEVER);
        run.copy().announceProtection(UUID.randomUUID());
        assertThat(run.copy().stopForCheckpoint()).isTrue();
        if (endIsFirst) {
            onRightLost = run.copy()::goOnFromCheckpoint;
        }
        arbiter.lose();
        run.copy().goOnFromCheckpoint();
        assertGoesOnWhenTheTokenIsWon();
    }

    @Test
    void aCheckpointBehindTheLossDoesNotKeepTheGuestFromGoingOn() throws Exception {
        arbiter.answer = () -> new Arbiter.Claim.Lost(OTHER, LastRun.NEVER);
        run.copy().announceProtection(UUID.randomUUID());
        arbiter.lose();
        assertThat(run.copy().stopForCheckpoint()).isFalse();
        run.copy().goOnFromCheckpoint();
        assertGoesOnWhenTheTokenIsWon();
    }

    private void assertGoesOnWhenTheTokenIsWon() throws InterruptedException {
        assertThat(run.state()).isEqualTo(RunState.PAUSED);
        assertThat(census.running.get()).isZero();
        arbiter.answer = () -> new Arbiter.Claim.Won(new LastRun(SELF, Optional.empty()));
        await(resumes);
        assertThat(run.state()).isEqualTo(RunState.RUNNING);
        assertThat(arbiter.recorded).as("the protection that the record names").isEmpty();
        assertThat(resumes.availablePermits()).isZero();
    }

    @Test
    void aLossThatIsToldAfterTheTokenWasWonAgainStopsNothing() {
        run.copy().announceProtection(UUID.randomUUID());
        assertThat(run.copy().stopForCheckpoint()).isTrue();
        onRightLost = () -> {
            run.copy().goOnFromCheckpoint();
            assertThat(resumes.tryAcquire(60, TimeUnit.SECONDS)).isTrue();
        };
        arbiter.lose();
        assertThat(run.state()).isEqualTo(RunState.RUNNING);
        assertThat(census.running.get()).isEqualTo(1);
        assertThat(arbiter.recorded).as("the protection that the record names").isEmpty();
    }

    @Test
    void aRightLostInTheSwitchoverLetsTheGuestGoOnWhoeverHearsOfItFirst() throws Exception {
        arbiter.answer = () -> new Arbiter.Claim.Lost(OTHER, LastRun.NEVER);
        boolean ran = run.stopForSwitchover();
        onRightLost = () -> assertThat(run.takeBack(ran, false)).isEqualTo(GuestOwner.UNDECIDED);
        arbiter.lose();
        assertGoesOnWhenTheTokenIsWon();
    }

    /** Else a secondary would wait for this host's death, and take a guest over that is protected by nobody. */
    @Test
    void aGuestThatIsPausedLosesItsProtectionTooWhenTheTokenIsWonAgain() throws Exception {
        arbiter.answer = () -> new Arbiter.Claim.Lost(OTHER, LastRun.NEVER);
        run.copy().announceProtection(UUID.randomUUID());
        run.stop();
        arbiter.lose();
        assertThat(arbiter.recorded).isPresent();
        arbiter.answer = () -> new Arbiter.Claim.Won(new LastRun(SELF, arbiter.recorded));
        await(arbiter.wins);
        assertThat(run.whileStill(Duration.ofSeconds(5), () -> {})).isTrue();
        assertThat(run.state()).isEqualTo(RunState.PAUSED);
        assertThat(arbiter.recorded).as("the protection that the record names").isEmpty();
    }

    private static void join(Thread thread) {
        try {
            thread.join();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    private static void await(Semaphore event) throws InterruptedException {
        assertThat(event.tryAcquire(60, TimeUnit.SECONDS)).as("it happens").isTrue();
    }

    /** Says what a test wants. */
    private static final class ScriptedArbiter implements Arbiter {
        interface Answer {
            Claim get();
        }

        final Semaphore claims = new Semaphore(0);
        final Semaphore wins = new Semaphore(0);
        final Semaphore releases = new Semaphore(0);
        volatile Answer answer = () -> new Claim.Won(LastRun.NEVER);
        volatile Optional<UUID> recorded = Optional.empty();
        volatile Runnable onRecord = () -> {};
        private volatile boolean held;
        private volatile Runnable lost = () -> {};

        void lose() {
            held = false;
            lost.run();
        }

        @Override
        public Claim claim(UUID guest, Duration patience) {
            claims.release();
            Claim claim = held ? new Claim.Won(new LastRun(SELF, Optional.empty())) : answer.get();
            held = claim instanceof Claim.Won;
            if (held) {
                wins.release();
            }
            return claim;
        }

        @Override
        public void recordRun(Optional<UUID> protection) {
            onRecord.run();
            recorded = protection;
        }

        @Override
        public long fencingNumber() {
            return 1;
        }

        @Override
        public void watchLoss(Runnable onLoss) {
            lost = onLoss;
        }

        @Override
        public void release() {
            held = false;
            releases.release();
        }

        @Override
        public boolean held() {
            return held;
        }

        @Override
        public String self() {
            return SELF;
        }

        @Override
        public void close() {}
    }
}
