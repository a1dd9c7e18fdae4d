// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.arbiter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.engine.environment.Environment;
import java.time.Duration;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Leases on a clock that the test sets. */
class LeasedArbiterTest {
    private static final UUID GUEST = UUID.randomUUID();
    private static final Duration LEASE = Duration.ofSeconds(2);
    private static final Duration LASTS = LEASE.minus(LeasedArbiter.margin(LEASE));

    private final AtomicLong nanos = new AtomicLong();
    private final ScriptedServer server = new ScriptedServer();
    private final LeasedArbiter arbiter = new LeasedArbiter(server, Environment.of(nanos::get));
    private final Semaphore losses = new Semaphore(0);

    @AfterEach
    void close() {
        arbiter.close();
    }

    @Test
    void aTokenThatIsRenewedIsKept() throws Exception {
        won();
        for (int i = 0; i < 10; i++) {
            pass(LASTS.dividedBy(2));
            assertThat(server.renewals.tryAcquire(60, TimeUnit.SECONDS)).isTrue();
        }
        assertThat(arbiter.held()).isTrue();
        assertThat(losses.availablePermits()).isZero();
    }

    @Test
    void aTokenThatCannotBeRenewedIsLostAMarginBeforeItsEnd() throws Exception {
        server.silent = true;
        won();
        pass(LASTS.minusNanos(1));
        assertThat(arbiter.held()).isTrue();
        pass(Duration.ofNanos(1));
        assertThat(arbiter.held()).isFalse();
        await(losses);
        assertThatThrownBy(() -> arbiter.recordRun(Optional.empty())).isInstanceOf(ArbiterException.class);
    }

    @Test
    void aLossIsToldInTimeWhileAServerDoesNotAnswer() throws Exception {
        won();
        Semaphore asked = new Semaphore(0);
        Semaphore answer = new Semaphore(0);
        server.onRenew = () -> {
            asked.release();
            answer.acquireUninterruptibly();
        };
        pass(LASTS.minusNanos(1));
        await(asked);
        pass(Duration.ofNanos(1));
        try {
            await(losses);
        } finally {
            answer.release(Integer.MAX_VALUE / 2);
        }
    }

    @Test
    void theLeaseCountsFromBeforeTheRequest() {
        server.duringTake = () -> pass(LASTS.dividedBy(2));
        // From the beginning: by the count from before the request a renewal is due at once.
        server.silent = true;
        won();
        pass(LASTS.dividedBy(2));
        assertThat(arbiter.held()).isFalse();
    }

    @Test
    void aTokenThatCameTooLateIsGivenBack() {
        server.duringTake = () -> pass(LASTS);
        assertThatThrownBy(() -> arbiter.claim(GUEST, Duration.ZERO))
                .isInstanceOf(ArbiterException.class)
                .hasMessageContaining("longer than its lease");
        assertThat(server.holder).isEmpty();
    }

    @Test
    void aTokenThatSomebodyTookAwayIsLostAtOnce() throws Exception {
        won();
        server.holder = Optional.of("another");
        pass(LASTS.dividedBy(2));
        await(losses);
        assertThat(arbiter.held()).isFalse();
    }

    @Test
    void aClaimWithoutPatienceDoesNotWaitForAnEnd() {
        server.holder = Optional.of("another");
        assertThat(arbiter.claim(GUEST, Duration.ZERO)).isEqualTo(new Arbiter.Claim.Lost("another", LastRun.NEVER));
    }

    @Test
    void aClaimWaitsForTheEndOfADeadHoldersLease() {
        server.holder = Optional.of("another");
        server.onTake = () -> {
            pass(LEASE.dividedBy(4));
            if (nanos.get() > LEASE.toNanos()) {
                server.holder = Optional.empty();
            }
        };
        assertThat(arbiter.claim(GUEST, Duration.ofMillis(1))).isInstanceOf(Arbiter.Claim.Won.class);
    }

    @Test
    void aClaimIsLostToAHolderThatRenews() {
        server.holder = Optional.of("another");
        server.left = Optional.of(LEASE);
        server.onTake = () -> pass(LEASE.dividedBy(4));
        assertThat(arbiter.claim(GUEST, Duration.ofMillis(1))).isInstanceOf(Arbiter.Claim.Lost.class);
        assertThat(nanos.get())
                .as("its lease and margin are not waited for")
                .isLessThan(LEASE.multipliedBy(3).dividedBy(2).toNanos());
    }

    @Test
    void aTokenThatIsGivenBackIsNotLost() {
        won();
        arbiter.release();
        pass(LEASE);
        assertThat(server.holder).isEmpty();
        won();
        assertThat(arbiter.fencingNumber()).isEqualTo(2);
        arbiter.release();
        assertThat(losses.availablePermits()).isZero();
    }

    private void won() {
        arbiter.watchLoss(losses::release);
        assertThat(arbiter.claim(GUEST, Duration.ZERO)).isInstanceOf(Arbiter.Claim.Won.class);
    }

    private void pass(Duration time) {
        long _ = nanos.addAndGet(time.toNanos());
    }

    private static void await(Semaphore event) throws InterruptedException {
        assertThat(event.tryAcquire(60, TimeUnit.SECONDS)).isTrue();
    }

    private static final class ScriptedServer implements TokenServer {
        final Semaphore renewals = new Semaphore(0);
        volatile Optional<String> holder = Optional.empty();
        volatile Optional<Duration> left = Optional.empty();
        volatile boolean silent;
        volatile Runnable duringTake = () -> {};
        volatile Runnable onTake = () -> {};
        volatile Runnable onRenew = () -> {};
        private LastRun lastRun = LastRun.NEVER;
        private long number;

        @Override
        public String self() {
            return "this";
        }

        @Override
        public Duration lease() {
            return LEASE;
        }

        @Override
        public Answer take(UUID guest, Duration limit) {
            onTake.run();
            if (holder.isPresent() && !holder.get().equals(self())) {
                return new Answer.Held(holder.get(), lastRun, left);
            }
            duringTake.run();
            holder = Optional.of(self());
            return new Answer.Taken(LEASE, ++number, lastRun);
        }

        @Override
        public boolean renew(Duration limit) {
            onRenew.run();
            if (silent) {
                throw new ArbiterException("no answer");
            }
            renewals.release();
            return holder.equals(Optional.of(self()));
        }

        @Override
        public boolean record(LastRun run, Duration limit) {
            lastRun = run;
            return true;
        }

        @Override
        public void giveBack(Duration limit) {
            holder = Optional.empty();
        }

        @Override
        public void close() {}
    }
}
