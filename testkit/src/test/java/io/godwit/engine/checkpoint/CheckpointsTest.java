// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.engine.outcome.MigrationException;
import io.godwit.testkit.wire.FaultyWire.Fault;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class CheckpointsTest {
    private static final SplittableRandom SEEDS = new SplittableRandom();

    @Test
    void safetyEndsWhenAllMemoryHasArrivedAndNoOutputIsLost() throws Exception {
        try (CheckpointPair pair = new CheckpointPair(1).begin()) {
            Thread whole = Thread.ofPlatform().start(() -> {
                while (pair.taker.statistics().epochs() < 20) {
                    Thread.onSpinWait();
                }
                pair.whole.set(true);
            });
            CheckpointPair.Ends ends = pair.connect(new Fault.None());
            whole.join();
            assertThat(ends).isEqualTo(new CheckpointPair.Ends(java.util.Optional.empty(), java.util.Optional.empty()));
            assertThat(pair.taker.hasEnded()).isTrue();
            assertThat(pair.keeper.isOver()).isTrue();
            assertThat(pair.keeper.newest().number()).isGreaterThanOrEqualTo(20);
            assertThat(pair.guest.world.isHolding()).isFalse();
            pair.run.stop();
            assertThat(pair.guest.world.seen()).isEqualTo(pair.guest.counter());
            assertThatThrownBy(() -> pair.keeper.restore(true)).hasMessageContaining("given up for good");
        }
    }

    @Test
    void aConnectionThatIsServedBeforeTheGuestBeginsWaitsForIt() throws Exception {
        for (int i = 0; i < 50; i++) {
            try (CheckpointPair pair = new CheckpointPair(i)) {
                Thread guest = Thread.ofPlatform().start(pair::begin);
                Thread whole = Thread.ofPlatform().start(() -> {
                    while (pair.taker.statistics().epochs() < 2) {
                        Thread.onSpinWait();
                    }
                    pair.whole.set(true);
                });
                CheckpointPair.Ends ends = pair.connect(new Fault.None());
                assertThat(ends.keeper()).isEmpty();
                guest.join();
                pair.whole.set(true);
                whole.join();
            }
        }
    }

    @Test
    void sourceWithoutAnyEpochGoesOnFromTheSwitch() throws Exception {
        try (CheckpointPair pair = new CheckpointPair(2).begin()) {
            CheckpointPair.Ends ends = pair.connect(new Fault.CutBackward(100));
            assertThat(ends.keeper()).isPresent();
            assertThat(pair.keeper.newest().number()).isZero();
            assertThat(pair.guest.world.seen()).isNegative();
            pair.assertKeptGuestIsThatOfItsEpoch();
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20})
    void sourceIsTheLastWholeEpochWhereverTheDestinationDies(int round) throws Exception {
        long seed = SEEDS.nextLong();
        SplittableRandom random = new SplittableRandom(seed);
        long at = 1 + random.nextLong(1L << (6 + round));
        try (CheckpointPair pair = new CheckpointPair(seed).begin()) {
            CheckpointPair.Ends ends = pair.connect(new Fault.CutBackward(at));
            System.out.printf(
                    "seed %d, cut after %d bytes: epoch %d%n",
                    seed, at, pair.keeper.newest().number());
            assertThat(ends.keeper()).as("seed %d", seed).containsInstanceOf(MigrationException.class);
            pair.assertKeptGuestIsThatOfItsEpoch();
        }
    }

    @Test
    void epochsGoOnOverNewConnectionsHoweverTheyBreak() throws Exception {
        long seed = SEEDS.nextLong();
        System.out.printf("seed %d%n", seed);
        SplittableRandom random = new SplittableRandom(seed);
        try (CheckpointPair pair = new CheckpointPair(seed).begin()) {
            for (int i = 0; i < 30; i++) {
                // Backward cuts lose epochs, forward ones the source's answers to them.
                Fault fault = random.nextBoolean()
                        ? new Fault.CutBackward(1 + random.nextLong(2_000_000))
                        : new Fault.CutForward(1 + random.nextLong(200));
                CheckpointPair.Ends _ = pair.connect(fault);
                pair.assertKeptGuestIsThatOfItsEpoch();
            }
            pair.whole.set(true);
            CheckpointPair.Ends ends = pair.connect(new Fault.None());
            assertThat(ends.taker()).as("seed %d", seed).isEmpty();
            assertThat(pair.keeper.isOver()).isTrue();
            pair.run.stop();
            assertThat(pair.guest.world.seen()).isEqualTo(pair.guest.counter());
        }
    }

    @Test
    void lostAnswerToTheEndOfSafetyIsGivenAgain() throws Exception {
        try (CheckpointPair pair = new CheckpointPair(3).begin()) {
            pair.whole.set(true);
            CheckpointPair.Ends cut = pair.connect(new Fault.CutForward(KeeperWord.Greeting.BYTES + 4));
            assertThat(cut.taker()).containsInstanceOf(MigrationException.Transport.class);
            assertThat(pair.taker.hasEnded()).isFalse();
            assertThat(pair.keeper.isOver()).isTrue();
            assertThat(pair.guest.world.isHolding())
                    .as("outputs are held until the source has said so")
                    .isTrue();
            CheckpointPair.Ends ends = pair.connect(new Fault.None());
            assertThat(ends.taker()).isEmpty();
            assertThat(pair.taker.hasEnded()).isTrue();
            assertThat(pair.guest.world.isHolding()).isFalse();
        }
    }

    @Test
    void invertedBytesNeverBecomeAGuest() throws Exception {
        long seed = SEEDS.nextLong();
        System.out.printf("seed %d%n", seed);
        SplittableRandom random = new SplittableRandom(seed);
        for (int i = 0; i < 20; i++) {
            try (CheckpointPair pair = new CheckpointPair(seed + i).begin()) {
                CheckpointPair.Ends ends = pair.connect(new Fault.FlipBackward(random.nextLong(1_000_000)));
                assertThat(ends.keeper())
                        .as("seed %d, round %d", seed, i)
                        .containsInstanceOf(MigrationException.Protocol.class);
                pair.assertKeptGuestIsThatOfItsEpoch();
            }
        }
    }

    @Test
    void guestThatWritesTooMuchForAnEpochIsNoLongerSafeButRuns() throws Exception {
        try (CheckpointPair pair = new CheckpointPair(4, 64).begin()) {
            pair.guest.writeFaster();
            CheckpointPair.Ends ends = pair.connect(new Fault.None());
            assertThat(ends.taker()).isEmpty();
            assertThat(pair.keeper.isOver()).isTrue();
            assertThat(pair.taker.statistics().givenUp()).contains("64 pages");
            assertThat(pair.guest.world.isHolding()).isFalse();
            pair.run.stop();
            assertThat(pair.guest.world.seen()).isEqualTo(pair.guest.counter());
        }
    }
}
