// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.etcd;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.engine.arbiter.Arbiter;
import io.godwit.engine.arbiter.ArbiterException;
import io.godwit.engine.arbiter.LastRun;
import io.godwit.engine.arbiter.LeasedArbiter;
import io.godwit.engine.arbiter.TokenServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The token in a cluster of three members, some of which are killed, stopped or cut off. */
@Tag("peer")
class EtcdArbiterTest {
    private static final int TTL = 4;

    /** Longer than three members on a loaded machine need to choose a leader. */
    private static final int LONG_TTL = 30;

    private static final Duration PATIENCE = Duration.ofMillis(200);

    @TempDir
    private static Path directory = Path.of("");

    @SuppressWarnings("NullAway.Init")
    private static EtcdCluster cluster;

    private final UUID guest = UUID.randomUUID();

    @BeforeAll
    static void start() {
        cluster = EtcdCluster.start(directory, 3);
    }

    @AfterAll
    static void end() {
        if (cluster != null) {
            cluster.close();
        }
    }

    private static Arbiter arbiter() {
        return new EtcdArbiters().open(cluster.place(TTL));
    }

    private static LastRun wonAfter(Arbiter.Claim claim) {
        assertThat(claim).isInstanceOf(Arbiter.Claim.Won.class);
        return ((Arbiter.Claim.Won) claim).lastRun();
    }

    @Test
    void onlyOneHoldsAndTheNextLearnsWhoRanTheGuest() {
        UUID protection = UUID.randomUUID();
        try (Arbiter one = arbiter();
                Arbiter other = arbiter()) {
            assertThat(wonAfter(one.claim(guest, PATIENCE))).isEqualTo(LastRun.NEVER);
            assertThat(other.claim(guest, Duration.ZERO)).isEqualTo(new Arbiter.Claim.Lost(one.self(), LastRun.NEVER));
            one.recordRun(Optional.of(protection));
            LastRun ran = new LastRun(one.self(), Optional.of(protection));
            assertThat(other.claim(guest, Duration.ZERO)).isEqualTo(new Arbiter.Claim.Lost(one.self(), ran));
            one.release();
            assertThat(wonAfter(other.claim(guest, PATIENCE))).isEqualTo(ran);
            assertThat(other.fencingNumber()).isGreaterThan(one.fencingNumber());
            assertThatThrownBy(() -> one.recordRun(Optional.empty())).isInstanceOf(ArbiterException.class);
        }
    }

    @Test
    void twoWhoRaceNeverHoldTogetherAndTheirNumbersGrow() throws Exception {
        AtomicInteger holders = new AtomicInteger();
        AtomicInteger most = new AtomicInteger();
        AtomicLong last = new AtomicLong();
        List<String> wrong = new ArrayList<>();
        List<Thread> racers = IntStream.range(0, 2)
                .mapToObj(_ -> Thread.ofPlatform().start(() -> {
                    try (Arbiter racer = arbiter()) {
                        for (int won = 0; won < 10; ) {
                            if (racer.claim(guest, Duration.ZERO) instanceof Arbiter.Claim.Won) {
                                won++;
                                most.accumulateAndGet(holders.incrementAndGet(), Math::max);
                                long before = last.getAndSet(racer.fencingNumber());
                                if (before >= racer.fencingNumber()) {
                                    synchronized (wrong) {
                                        wrong.add(before + " before " + racer.fencingNumber());
                                    }
                                }
                                holders.decrementAndGet();
                                racer.release();
                            }
                        }
                    }
                }))
                .toList();
        for (Thread racer : racers) {
            racer.join();
        }
        assertThat(most).hasValue(1);
        assertThat(wrong).isEmpty();
    }

    @Test
    void aMemberThatIsKilledOrStoppedCostsNothing() throws Exception {
        Semaphore losses = new Semaphore(0);
        EtcdPlace place = EtcdPlace.parse(cluster.place(LONG_TTL));
        RenewedTokens tokens = new RenewedTokens(new EtcdTokens(new EtcdMembers(place), LONG_TTL));
        try (Arbiter one = new LeasedArbiter(tokens)) {
            LastRun _ = wonAfter(one.claim(guest, PATIENCE));
            one.watchLoss(losses::release);
            long number = one.fencingNumber();
            // One of the three is the leader.
            for (int member = 0; member < cluster.size(); member++) {
                if (member == 0) {
                    cluster.kill(member);
                } else {
                    cluster.signal("STOP", member);
                }
                int asked = tokens.asked.get();
                for (int renewal = 0; renewal <= asked; ) {
                    renewal = requireNonNull(tokens.renewed.poll(2 * LONG_TTL, TimeUnit.SECONDS), "no renewal");
                    assertThat(renewal).as("renewed").isPositive();
                }
                assertThat(losses.availablePermits()).as("lost").isZero();
                one.recordRun(Optional.empty());
                if (member == 0) {
                    cluster.restart(member);
                } else {
                    cluster.signal("CONT", member);
                }
            }
            assertThat(one.held()).isTrue();
            assertThat(one.fencingNumber()).isEqualTo(number);
        }
    }

    /** Tells which of the renewals that were asked for, counted from 1, came true; 0 stands for the loss of a token. */
    private static final class RenewedTokens implements TokenServer {
        private final TokenServer tokens;
        private final AtomicInteger asked = new AtomicInteger();
        private final BlockingQueue<Integer> renewed = new LinkedBlockingQueue<>();

        RenewedTokens(TokenServer tokens) {
            this.tokens = tokens;
        }

        @Override
        public String self() {
            return tokens.self();
        }

        @Override
        public Duration lease() {
            return tokens.lease();
        }

        @Override
        public Answer take(UUID guest, Duration limit) {
            return tokens.take(guest, limit);
        }

        @Override
        public boolean renew(Duration limit) {
            int number = asked.incrementAndGet();
            boolean ours = tokens.renew(limit);
            renewed.add(ours ? number : 0);
            return ours;
        }

        @Override
        public boolean record(LastRun run, Duration limit) {
            return tokens.record(run, limit);
        }

        @Override
        public void giveBack(Duration limit) {
            tokens.giveBack(limit);
        }

        @Override
        public void close() {
            tokens.close();
        }
    }

    @Test
    void whoIsCutOffTellsItsLossBeforeAnybodyElseWins() throws Exception {
        List<Relay> relays = IntStream.range(0, cluster.size())
                .mapToObj(member -> new Relay(cluster.clientPort(member)))
                .toList();
        String place = String.join(
                ",", relays.stream().map(relay -> "127.0.0.1:" + relay.port()).toList());
        Semaphore losses = new Semaphore(0);
        try (Arbiter cutOff = new EtcdArbiters().open(place + ",ttl=2");
                Arbiter other = arbiter()) {
            LastRun _ = wonAfter(cutOff.claim(guest, PATIENCE));
            cutOff.recordRun(Optional.empty());
            cutOff.watchLoss(losses::release);
            relays.forEach(Relay::cut);
            // Waits for the end of the lease, as the holder may be dead.
            assertThat(wonAfter(other.claim(guest, PATIENCE)).host()).isEqualTo(cutOff.self());
            assertThat(losses.availablePermits()).as("told before").isEqualTo(1);
            assertThat(cutOff.held()).isFalse();
            other.recordRun(Optional.empty());
            assertThatThrownBy(() -> cutOff.claim(guest, Duration.ZERO))
                    .isInstanceOf(ArbiterException.class)
                    .hasMessageContaining("etcd cannot");
            relays.forEach(Relay::mend);
            assertThat(claimWhenReachable(cutOff)).isInstanceOf(Arbiter.Claim.Lost.class);
            other.release();
            assertThat(wonAfter(cutOff.claim(guest, PATIENCE)).host()).isEqualTo(other.self());
        } finally {
            relays.forEach(Relay::close);
        }
    }

    private Arbiter.Claim claimWhenReachable(Arbiter arbiter) {
        long begin = System.nanoTime();
        while (true) {
            try {
                return arbiter.claim(guest, Duration.ZERO);
            } catch (ArbiterException e) {
                assertThat(System.nanoTime() - begin)
                        .as(e.toString())
                        .isLessThan(Duration.ofSeconds(60).toNanos());
            }
        }
    }

    @Test
    void whoLosesTheWholeClusterWinsTheTokenAgainLater() throws Exception {
        Semaphore losses = new Semaphore(0);
        try (Arbiter one = arbiter()) {
            LastRun _ = wonAfter(one.claim(guest, PATIENCE));
            one.recordRun(Optional.empty());
            long number = one.fencingNumber();
            one.watchLoss(losses::release);
            IntStream.range(0, cluster.size()).forEach(member -> cluster.signal("STOP", member));
            try {
                assertThat(losses.tryAcquire(60, TimeUnit.SECONDS)).as("told").isTrue();
            } finally {
                IntStream.range(0, cluster.size()).forEach(member -> cluster.signal("CONT", member));
            }
            assertThat(wonAfter(one.claim(guest, Duration.ofSeconds(60))).host())
                    .isEqualTo(one.self());
            assertThat(one.fencingNumber()).isGreaterThan(number);
        }
    }

    @Test
    void whoIsNoMemberIsToldOfInASentence() throws IOException {
        try (ServerSocket nobody = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
                Arbiter lonely = new EtcdArbiters().open("127.0.0.1:" + nobody.getLocalPort() + ",ttl=2")) {
            assertThatThrownBy(() -> lonely.claim(guest, Duration.ZERO))
                    .isInstanceOf(ArbiterException.class)
                    .hasMessageStartingWith("etcd cannot say who has the token of guest " + guest);
        }
    }

    @Test
    void aClusterWithoutSpaceSaysSo(@TempDir Path full) {
        try (EtcdCluster small = EtcdCluster.start(full, 1, "--quota-backend-bytes=1");
                Arbiter one = new EtcdArbiters().open(small.place(TTL))) {
            assertThatThrownBy(() -> {
                        for (int i = 0; i < 100; i++) {
                            LastRun _ = wonAfter(one.claim(guest, Duration.ZERO));
                            one.recordRun(Optional.empty());
                        }
                    })
                    .isInstanceOf(ArbiterException.class)
                    .hasMessageContaining("space exceeded");
        }
    }
}
