// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.godwit.engine.guest.RunState;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.outcome.GuestOwner;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.testkit.guest.TestPlug;
import io.godwit.testkit.peer.Passes;
import io.godwit.testkit.wire.HookedWire;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Memory that comes and goes while the guest migrates. */
@Timeout(120)
class RamPlugTest {
    private static final long LIMIT = 128L << 20;
    /** More than sockets hold, so that the source is in the middle of it when the wire is. */
    private static final long BIG = 32L << 20;

    private static final long SMALL = 1L << 20;

    @TempDir
    Path directory;

    /** A pair of which both can, whose source has a big block already, which the destination makes by itself. */
    private static final class Plugged implements AutoCloseable {
        final Pair pair;
        final TestPlug source;
        final TestPlug destination;
        final RamBlock big;
        final List<Throwable> failures = new CopyOnWriteArrayList<>();

        Plugged(Path locks) {
            pair = new Pair(locks);
            source = pair.sourceGuest.allowPlugging(LIMIT);
            destination = pair.destinationGuest.allowPlugging(LIMIT);
            big = pair.source.plugRam("big", BIG);
            source.fill(big, 11);
        }

        /** Migrates over a wire on which {@code once} is done as soon as so many bytes have gone by. */
        void migrate(long atBytes, Runnable once) throws Exception {
            boolean[] done = new boolean[1];
            try (HookedWire wire = new HookedWire(pair.listen("tcp:127.0.0.1:0"), forwarded -> {
                if (!done[0] && forwarded >= atBytes) {
                    done[0] = true;
                    attempt(once);
                }
                return Long.MAX_VALUE;
            })) {
                pair.migrate(wire.uri());
            }
            assertThat(failures).as("what the test did meanwhile").isEmpty();
            assertThat(done[0]).isTrue();
        }

        void migrateUndisturbed() {
            try {
                pair.migrate(pair.listen("tcp:127.0.0.1:0"));
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            }
        }

        void attempt(Runnable what) {
            try {
                what.run();
            } catch (RuntimeException | Error e) {
                failures.add(e);
            }
        }

        void assertArrived(String... blocks) {
            assertThat(pair.source.statistics().error()).isEmpty();
            assertThat(pair.source.statistics().status()).isEqualTo(MigrationStatus.COMPLETED);
            assertThat(pair.source.digestsAtSwitchover().blockDigests())
                    .isEqualTo(pair.destination.digestsAtSwitchover().blockDigests());
            assertThat(pair.destinationGuest.ram().snapshot().blocks().stream().map(RamBlock::idstr))
                    .containsExactly(blocks);
            for (RamBlock block : pair.sourceGuest.ram().snapshot().blocks()) {
                if (block != pair.sourceGuest.block()) {
                    assertSame(block);
                }
            }
            pair.assertRunsAtDestinationOnly();
        }

        private void assertSame(RamBlock block) {
            RamBlock there =
                    pair.destinationGuest.ram().snapshot().find(block.idstr()).orElseThrow();
            for (long page = 0; page < block.pageCount(); page++) {
                long at = page * RamBlock.PAGE_BYTES;
                assertThat(there.memory().hash(at, RamBlock.PAGE_BYTES))
                        .as("page %s of %s", page, block)
                        .isEqualTo(block.memory().hash(at, RamBlock.PAGE_BYTES));
            }
        }

        @Override
        public void close() {
            pair.close();
        }
    }

    @Test
    void aBlockThatComesInTheMiddleOfAPassTravelsWithWhatIsWrittenToIt() throws Exception {
        try (Plugged plugged = new Plugged(directory)) {
            AtomicReference<Optional<RamBlock>> made = new AtomicReference<>(Optional.empty());
            plugged.pair.source.addListener(new Passes(pass -> made.get().ifPresent(block -> {
                if (plugged.pair.sourceRun.state() == RunState.RUNNING) {
                    plugged.source.write(block, pass % block.pageCount(), 1000 + pass);
                }
            })));
            plugged.migrate(10 << 20, () -> {
                RamBlock block = plugged.pair.source.plugRam("new", SMALL);
                plugged.source.fill(block, 12);
                made.set(Optional.of(block));
            });
            assertThat(plugged.pair.source.statistics().ram().pass()).isGreaterThan(1);
            plugged.assertArrived("ram", "big", "new");
        }
    }

    @Test
    void aBlockThatGoesWhileItsPagesAreInFlightIsGoneAtOnceAndFreedWhenTheyHaveLeft() throws Exception {
        try (Plugged plugged = new Plugged(directory)) {
            plugged.migrate(10 << 20, () -> {
                awaitBlockedSender();
                plugged.pair.source.unplugRam(plugged.big);
                assertThat(plugged.pair.sourceGuest.ram().snapshot().find("big"))
                        .isEmpty();
                assertThat(plugged.source.freed).as("freed under the sender").hasValue(0);
                assertThat(plugged.big.memory().isOpen()).isTrue();
            });
            assertThat(plugged.source.freed).hasValue(1);
            assertThat(plugged.destination.made).as("made at the destination").hasValue(1);
            assertThat(plugged.destination.freed)
                    .as("dropped at the destination")
                    .hasValue(1);
            plugged.assertArrived("ram");
        }
    }

    /**
     * The wire stands still, and the source has more to send than sockets take: it comes to stand in a write, and stays
     * there.
     */
    private static void awaitBlockedSender() {
        long deadline = System.nanoTime() + Pair.PATIENCE.toNanos();
        int seen = 0;
        while (seen < 100) {
            assertThat(System.nanoTime()).as("the source blocks").isLessThan(deadline);
            boolean blocked = Thread.getAllStackTraces().entrySet().stream()
                    .filter(entry -> entry.getKey().getName().equals("mig-outgoing"))
                    .anyMatch(entry -> List.of(entry.getValue()).toString().contains("Polling")
                            && List.of(entry.getValue()).toString().contains("RamSender.send"));
            seen = blocked ? seen + 1 : 0;
        }
    }

    @Test
    void aBlockThatComesWhenTheRestIsSmallEnoughGetsAPassAndNotAPause() throws Exception {
        try (Plugged plugged = new Plugged(directory)) {
            // Nothing is written, so nothing is left after the first pass.
            plugged.pair.sourceRun.stop();
            plugged.pair.source.addListener(new Passes(pass -> {
                if (pass == 2) {
                    // Not marked as written: that it is new must be enough.
                    plugged.attempt(() ->
                            plugged.pair.source.plugRam("new", SMALL).memory().fillRandom(0, SMALL, 15));
                }
            }));
            plugged.migrate(1 << 20, () -> {});
            assertThat(plugged.pair.source.statistics().status()).isEqualTo(MigrationStatus.COMPLETED);
            assertThat(plugged.pair.source.statistics().time().downtimePages()).isZero();
            assertThat(plugged.pair.destination.digestsAtSwitchover().blockDigests())
                    .hasSize(3)
                    .isEqualTo(plugged.pair.source.digestsAtSwitchover().blockDigests());
            assertThat(plugged.pair.destinationRun.state()).isEqualTo(RunState.PAUSED);
        }
    }

    @Test
    void aNameThatGoesAndComesAgainIsAnotherBlock() throws Exception {
        try (Plugged plugged = new Plugged(directory)) {
            plugged.migrate(10 << 20, () -> {
                plugged.pair.source.unplugRam(plugged.big);
                RamBlock again = plugged.pair.source.plugRam("big", SMALL);
                plugged.source.fill(again, 13);
            });
            assertThat(plugged.destination.made).hasValue(2);
            assertThat(plugged.destination.freed).hasValue(1);
            plugged.assertArrived("ram", "big");
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3})
    void blocksThatComeAndGoAgainAndAgainLoseNothing(long seed) throws Exception {
        System.out.println("seed " + seed);
        try (Plugged plugged = new Plugged(directory)) {
            SplittableRandom random = new SplittableRandom(seed);
            List<RamBlock> there = new ArrayList<>();
            int[] steps = new int[1];
            try (HookedWire wire = new HookedWire(plugged.pair.listen("tcp:127.0.0.1:0"), forwarded -> {
                // Behind the announcement, and not for ever: a list that never rests keeps the guest here.
                if (forwarded > 1 << 20 && steps[0] < 300) {
                    steps[0]++;
                    plugged.attempt(() -> plugged.source.changeAtRandom(plugged.pair.source, there, random, 64));
                }
                return Long.MAX_VALUE;
            })) {
                plugged.pair.migrate(wire.uri());
            }
            assertThat(plugged.failures).isEmpty();
            assertThat(steps[0]).isEqualTo(300);
            List<String> names = new ArrayList<>(List.of("ram", "big"));
            there.forEach(block -> names.add(block.idstr()));
            plugged.assertArrived(names.toArray(String[]::new));
            assertThat(plugged.source.made.get() - plugged.source.freed.get()).isEqualTo(1 + there.size());
        }
    }

    @Test
    void towardsAPeerThatCannotItIsRefusedWithASentenceAndTheMigrationGoesOn() throws Exception {
        try (Plugged plugged = new Plugged(directory)) {
            plugged.pair.source.unplugRam(plugged.big);
            plugged.pair.destinationGuest.plug = Optional.empty();
            plugged.migrate(1 << 20, () -> {
                assertThatThrownBy(() -> plugged.pair.source.plugRam("new", SMALL))
                        .isInstanceOf(MigrationException.Refused.class)
                        .hasMessageContaining("has a destination that cannot follow")
                        .hasMessageContaining("The guest is here and runs on as it is.");
            });
            plugged.assertArrived("ram");
        }
    }

    @Test
    void duringTheAnnouncementTheSwitchoverAndBehindItItIsRefused() throws Exception {
        try (Plugged plugged = new Plugged(directory)) {
            List<String> refusals = new ArrayList<>();
            Runnable attempt =
                    () -> refusals.add(String.valueOf(catchThrowable(() -> plugged.pair.source.plugRam("new", SMALL))));
            plugged.pair.source.addListener(new Passes(pass -> {
                if (pass == 1) {
                    attempt.run();
                }
            }));
            plugged.pair.sourceGuest.beforeSave = attempt;
            plugged.migrate(1 << 20, () -> {});
            attempt.run();
            assertThat(refusals).hasSize(3);
            assertThat(refusals.get(0)).contains("is being announced", "try again");
            assertThat(refusals.get(1)).contains("is being handed over to the destination");
            assertThat(refusals.get(2)).contains("postmigrate", "the other side of its migration has it");
            plugged.assertArrived("ram", "big");
        }
    }

    /**
     * Who is slow between its look and its change misses the whole migration: the guest has gone, and its list stays
     * what the destination was told.
     */
    @Test
    void aPlugThatSleptThroughTheSwitchoverIsRefused() throws Exception {
        try (Plugged plugged = new Plugged(directory)) {
            int[] slept = new int[1];
            plugged.source.beforeChange = () -> {
                slept[0]++;
                plugged.attempt(plugged::migrateUndisturbed);
            };
            assertThatThrownBy(() -> plugged.pair.source.plugRam("late", SMALL))
                    .isInstanceOf(MigrationException.Refused.class)
                    .hasMessageContaining("postmigrate")
                    .hasMessageContaining("the other side of its migration has it");
            assertThat(slept[0]).isEqualTo(1);
            assertThat(plugged.failures).isEmpty();
            assertThat(plugged.pair.sourceGuest.ram().snapshot().find("late")).isEmpty();
            plugged.assertArrived("ram", "big");
        }
    }

    @Test
    void anUnplugThatSleptThroughTheSwitchoverIsRefused() throws Exception {
        try (Plugged plugged = new Plugged(directory)) {
            plugged.source.beforeChange = () -> plugged.attempt(plugged::migrateUndisturbed);
            assertThatThrownBy(() -> plugged.pair.source.unplugRam(plugged.big))
                    .isInstanceOf(MigrationException.Refused.class)
                    .hasMessageContaining("postmigrate")
                    .hasMessageContaining("the other side of its migration has it");
            assertThat(plugged.failures).isEmpty();
            assertThat(plugged.source.freed).hasValue(0);
            plugged.assertArrived("ram", "big");
        }
    }

    /** The same while the guest stands still for the switchover, from where it may come back. */
    @Test
    void aPlugThatSleptIntoTheSwitchoverIsRefused() throws Exception {
        try (Plugged plugged = new Plugged(directory)) {
            CountDownLatch looked = new CountDownLatch(1);
            CountDownLatch saving = new CountDownLatch(1);
            CountDownLatch refused = new CountDownLatch(1);
            List<Throwable> refusals = new CopyOnWriteArrayList<>();
            plugged.source.beforeChange = () -> {
                looked.countDown();
                await(saving);
            };
            plugged.pair.sourceGuest.beforeSave = () -> {
                saving.countDown();
                await(refused);
            };
            Thread late = Thread.ofPlatform().start(() -> {
                refusals.add(catchThrowable(() -> plugged.pair.source.plugRam("late", SMALL)));
                refused.countDown();
            });
            await(looked);
            plugged.migrateUndisturbed();
            late.join();
            assertThat(refusals)
                    .singleElement()
                    .satisfies(refusal -> assertThat(refusal)
                            .isInstanceOf(MigrationException.Refused.class)
                            .hasMessageContaining("is being handed over to the destination"));
            plugged.assertArrived("ram", "big");
        }
    }

    private static void await(CountDownLatch latch) {
        try {
            assertThat(latch.await(Pair.PATIENCE.toSeconds(), TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void aDestinationThatCannotHaveABlockEndsTheMigrationAndTheGuestKeepsIt() throws Exception {
        try (Plugged plugged = new Plugged(directory)) {
            TestPlug _ = plugged.pair.destinationGuest.allowPlugging(BIG);
            plugged.migrate(10 << 20, () -> plugged.pair.source.plugRam("more", SMALL));
            assertThat(plugged.pair.destination.statistics().error().orElseThrow())
                    .contains("has become one that this guest cannot follow")
                    .contains("RAM block 'more' of 1048576 bytes: 0 of 33554432 bytes are left");
            assertThat(plugged.pair.source.statistics().owner()).contains(GuestOwner.HERE);
            assertThat(plugged.pair.sourceGuest.ram().snapshot().find("more")).isPresent();
            plugged.pair.assertRunsAtSourceOnly();
            plugged.pair.source.unplugRam(plugged.big);
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {21, 22, 23, 24})
    void aCutAroundAnAnnouncementLeavesTheGuestWithItsNewMemory(long seed) throws Exception {
        System.out.println("seed " + seed);
        try (Plugged plugged = new Plugged(directory)) {
            SplittableRandom random = new SplittableRandom(seed);
            long[] allowed = {Long.MAX_VALUE};
            try (HookedWire wire = new HookedWire(plugged.pair.listen("tcp:127.0.0.1:0"), forwarded -> {
                if (forwarded > 10 << 20 && allowed[0] == Long.MAX_VALUE) {
                    plugged.attempt(() -> plugged.source.fill(plugged.pair.source.plugRam("new", SMALL), 14));
                    // What is on its way already is a few MiB; the announcement comes right behind.
                    allowed[0] = forwarded + random.nextLong(16 << 20);
                }
                return allowed[0];
            })) {
                plugged.pair.migrate(wire.uri());
            }
            assertThat(plugged.failures).isEmpty();
            assertThat(plugged.pair.source.statistics().status()).isEqualTo(MigrationStatus.FAILED);
            assertThat(plugged.pair.source.statistics().owner()).contains(GuestOwner.HERE);
            plugged.pair.assertRunsAtSourceOnly();
            plugged.pair.source.unplugRam(plugged.big);
            assertThat(plugged.source.freed).hasValue(1);
        }
    }
}
