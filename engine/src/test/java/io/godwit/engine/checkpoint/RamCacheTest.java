// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.engine.checkpoint.RamCache.Settings;
import io.godwit.engine.environment.Environment;
import io.godwit.engine.memory.PagePlace;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.report.FlushStatistics;
import io.godwit.linux.memory.AvailableMemory;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.linux.memory.Residency;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** The guest after a flush is what the primary had, whatever either wrote. */
class RamCacheTest {
    private static final long SEED = 20_261_130;
    private static final Settings SETTINGS = new Settings(FlushShape.RUNS, 0, 64);

    /** Sets of every density and place, over several blocks, one of which ends within a word of its bitmap. */
    @ParameterizedTest
    @CsvSource({"RUNS, 1", "RUNS, 2", "RUNS, 5", "RANGES, 1", "RANGES, 2", "RANGES, 5"})
    void aFlushMakesTheGuestWhatThePrimaryHadAndCopiesTheUnionOnly(FlushShape shape, int threads) {
        SplittableRandom random = new SplittableRandom(SEED);
        try (Secondary secondary = new Secondary(4096, 130, 1, 5000);
                RamCache cache = RamCache.of(
                        secondary.snapshot(),
                        Environment.SYSTEM,
                        SETTINGS.withShape(shape).withThreads(threads))) {
            secondary.fillRandomly(random);
            cache.fill();
            cache.startTracking(secondary.tracker());
            PagePlace place = cache.place(secondary.snapshot());
            for (int round = 0; round < 60; round++) {
                secondary.beginRound();
                secondary.receive(random, place, round % 7 == 0 ? 0 : random.nextInt(12_000));
                secondary.run(random, round % 5 == 0 ? 0 : random.nextInt(6_000));
                FlushStatistics done = cache.flush();
                String where = "seed " + SEED + ", round " + round;
                assertThat(secondary.differences()).as(where).isEmpty();
                assertThat(done.pages()).as(where).isEqualTo(secondary.unionPages());
                assertThat(done.threads()).as(where).hasSizeBetween(1, threads);
                assertThat(cache.flush().pages()).as(where + ", nothing since").isZero();
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void allPagesAtOnceAreOneRunAPieceAtMost(FlushShape shape) {
        try (Secondary secondary = new Secondary(70_000);
                RamCache cache = RamCache.of(
                        secondary.snapshot(),
                        Environment.SYSTEM,
                        SETTINGS.withShape(shape).withThreads(2))) {
            SplittableRandom random = new SplittableRandom(SEED);
            secondary.fillRandomly(random);
            cache.fill();
            cache.startTracking(secondary.tracker());
            secondary.beginRound();
            for (long page = 0; page < 70_000; page++) {
                secondary.write(0, page, random.nextLong());
            }
            FlushStatistics done = cache.flush();
            assertThat(done.pages()).isEqualTo(70_000);
            assertThat(done.runs()).isBetween(1L, 70_000L / 64);
            assertThat(secondary.differences()).isEmpty();
        }
    }

    /** Precopy goes into the copy too, but is nothing to flush. */
    @Test
    void mirroredPagesAreNotMarked() {
        try (Secondary secondary = new Secondary(256);
                RamCache cache = RamCache.of(secondary.snapshot(), Environment.SYSTEM, Settings.DEFAULT)) {
            SplittableRandom random = new SplittableRandom(SEED);
            secondary.fillRandomly(random);
            PagePlace mirror = cache.mirror(secondary.snapshot());
            secondary.primaryTo(mirror);
            cache.startTracking(secondary.tracker());
            assertThat(cache.flush().pages()).isZero();
            secondary.beginRound();
            secondary.run(random, 100);
            assertThat(cache.flush().pages()).isEqualTo(secondary.unionPages());
            assertThat(secondary.differences()).isEmpty();
        }
    }

    /** What the host has written into the guest is undone as what the guest has written. */
    @Test
    void markedHostWritesAreUndone() {
        try (Secondary secondary = new Secondary(256);
                RamCache cache = RamCache.of(secondary.snapshot(), Environment.SYSTEM, Settings.DEFAULT)) {
            secondary.fillRandomly(new SplittableRandom(SEED));
            cache.fill();
            cache.startTracking(secondary.tracker());
            RamBlock block = secondary.snapshot().blocks().getFirst();
            block.memory().putLong(77L * RamBlock.PAGE_BYTES, 1);
            block.markHostWrite(77);
            assertThat(cache.flush().pages()).isEqualTo(1);
            assertThat(secondary.differences()).isEmpty();
        }
    }

    @Test
    void withoutATrackerOnlyWhatThePrimarySentIsFlushed() {
        try (Secondary secondary = new Secondary(256);
                RamCache cache = RamCache.of(secondary.snapshot(), Environment.SYSTEM, Settings.DEFAULT)) {
            SplittableRandom random = new SplittableRandom(SEED);
            secondary.fillRandomly(random);
            cache.fill();
            secondary.beginRound();
            secondary.receive(random, cache.place(secondary.snapshot()), 100);
            assertThat(cache.flush().pages()).isEqualTo(secondary.unionPages());
            assertThat(secondary.differences()).isEmpty();
        }
    }

    @Test
    void aCopyThatWasClosedLeavesTheGuestAsItIs() {
        try (Secondary secondary = new Secondary(256)) {
            SplittableRandom random = new SplittableRandom(SEED);
            secondary.fillRandomly(random);
            RamCache cache = RamCache.of(secondary.snapshot(), Environment.SYSTEM, Settings.DEFAULT);
            cache.fill();
            cache.startTracking(secondary.tracker());
            secondary.receive(random, cache.place(secondary.snapshot()), 100);
            secondary.write(0, 3, 12345);
            cache.close();
            cache.close();
            assertThat(secondary.snapshot().blocks().getFirst().memory().getLong(3L * RamBlock.PAGE_BYTES))
                    .isEqualTo(12345);
            assertThatThrownBy(cache::flush).isInstanceOf(IllegalStateException.class);
            assertThatThrownBy(() -> secondary
                            .tracker()
                            .harvest(secondary.snapshot().blocks().getFirst()))
                    .as("nobody tracks any more")
                    .hasMessageContaining("not started");
        }
    }

    /** A zero page of the primary empties its page in the copy, and a copy that nobody wrote to is not there. */
    @Test
    void zeroPagesOfBothSidesTakeNoMemory() {
        try (Secondary secondary = new Secondary(4096)) {
            AtomicReference<NativeMemory> copy = new AtomicReference<>();
            CacheRoom room = new CacheRoom(AvailableMemory.now(), bytes -> {
                copy.set(NativeMemory.mapAnonymous(bytes));
                return copy.get();
            });
            try (RamCache cache = RamCache.of(secondary.snapshot(), Environment.SYSTEM, Settings.DEFAULT, room)) {
                PagePlace place = cache.place(secondary.snapshot());
                cache.fill();
                for (long page = 0; page < 4096; page++) {
                    place.placeZero(0, page * RamBlock.PAGE_BYTES);
                }
                assertThat(Residency.bytes(copy.get())).isZero();
                secondary.receive(new SplittableRandom(SEED), place, 1000);
                cache.flush();
                assertThat(secondary.differences()).isEmpty();
            }
        }
    }

    /** One bad round would leave a thread inside, or a piece twice, or none. */
    @Test
    void manyFlushesAfterEachOtherAreAllWhole() {
        try (Secondary secondary = new Secondary(200);
                RamCache cache =
                        RamCache.of(secondary.snapshot(), Environment.SYSTEM, new Settings(FlushShape.RUNS, 4, 1))) {
            cache.startTracking(secondary.tracker());
            for (int round = 0; round < 3000; round++) {
                cache.use(new Settings(round % 2 == 0 ? FlushShape.RUNS : FlushShape.RANGES, 1 + round / 2 % 4, 1));
                secondary.write(0, round * 7L % 200, 4711);
                secondary.write(0, round * 5L % 200, 4712);
                secondary.write(0, 199 - round % 200, 4713);
                cache.flush();
                assertThat(secondary.differences()).as("round %d", round).isEmpty();
            }
        }
    }
}
