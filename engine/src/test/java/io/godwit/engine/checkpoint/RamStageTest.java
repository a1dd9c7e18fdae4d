// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.engine.environment.Environment;
import io.godwit.engine.memory.PagePlace;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.report.FlushStatistics;
import io.godwit.linux.memory.NativeMemory;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The guest after a flush is what the primary had, though nobody keeps a second copy of it. */
class RamStageTest {
    private static final long SEED = 20_261_130;
    private static final long CHUNK_BYTES = 32L << 20;

    private static RamStage stage(Secondary secondary, int threads) {
        return RamStage.of(secondary.snapshot(), Environment.SYSTEM, threads);
    }

    /** Sets of every density and place, over several blocks, pages that come twice, and more than a chunk of them. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 5})
    void aFlushMakesTheGuestWhatThePrimaryHadAndCopiesTheUnionOnly(int threads) {
        SplittableRandom random = new SplittableRandom(SEED);
        try (Secondary secondary = new Secondary(40_000, 130, 1, 5000);
                RamStage stage = stage(secondary, threads)) {
            secondary.fillRandomly(random);
            stage.startTracking(secondary.tracker());
            PagePlace place = stage.place(secondary.snapshot());
            for (int round = 0; round < 40; round++) {
                secondary.beginRound();
                secondary.run(random, round % 5 == 0 ? 0 : random.nextInt(6_000));
                secondary.primaryAnswers(stage, place);
                secondary.receive(random, place, round % 7 == 0 ? 0 : random.nextInt(12_000));
                FlushStatistics done = stage.flush();
                String where = "seed " + SEED + ", round " + round;
                assertThat(secondary.differences()).as(where).isEmpty();
                assertThat(done.pages()).as(where).isEqualTo(secondary.unionPages());
                assertThat(done.threads()).as(where).hasSizeBetween(1, threads);
                assertThat(stage.takeWritten()).as(where + ", nothing since").isZero();
                assertThat(stage.flush().pages()).as(where + ", nothing since").isZero();
            }
        }
    }

    /** What the host has written into the guest is asked for as what the guest has written. */
    @Test
    void markedHostWritesAreAskedForToo() {
        try (Secondary secondary = new Secondary(256);
                RamStage stage = stage(secondary, 1)) {
            secondary.fillRandomly(new SplittableRandom(SEED));
            stage.startTracking(secondary.tracker());
            RamBlock block = secondary.snapshot().blocks().getFirst();
            block.memory().putLong(77L * RamBlock.PAGE_BYTES, 1);
            block.markHostWrite(77);
            secondary.primaryAnswers(stage, stage.place(secondary.snapshot()));
            assertThat(stage.flush().pages()).isEqualTo(1);
            assertThat(secondary.differences()).isEmpty();
        }
    }

    @Test
    void aCheckpointWithoutAPageThatWasWrittenHereIsRefusedAndTheGuestIsAsItWas() {
        try (Secondary secondary = new Secondary(256, 256);
                RamStage stage = stage(secondary, 2)) {
            stage.startTracking(secondary.tracker());
            PagePlace place = stage.place(secondary.snapshot());
            secondary.write(1, 70, 4711);
            secondary.write(1, 71, 4712);
            assertThat(stage.takeWritten()).isEqualTo(1);
            secondary.receive(new SplittableRandom(SEED), onlyBlock0(place), 100);
            assertThatThrownBy(stage::flush)
                    .isInstanceOf(MigrationException.Protocol.class)
                    .hasMessage("2 pages of RAM block 'block1' that this guest has written are not in the checkpoint");
            RamBlock block = secondary.snapshot().blocks().get(1);
            assertThat(block.memory().getLong(70L * RamBlock.PAGE_BYTES)).isEqualTo(4711);
            RamBlock other = secondary.snapshot().blocks().getFirst();
            assertThat(other.memory().isZero(0, 256 * RamBlock.PAGE_BYTES)).isTrue();
        }
    }

    private static PagePlace onlyBlock0(PagePlace place) {
        return new PagePlace() {
            @Override
            public void place(int blockIndex, long offset, NativeMemory content, long position) {
                if (blockIndex == 0) {
                    place.place(blockIndex, offset, content, position);
                }
            }

            @Override
            public void placeZero(int blockIndex, long offset) {
                if (blockIndex == 0) {
                    place.placeZero(blockIndex, offset);
                }
            }

            @Override
            public void flush() {}
        };
    }

    @Test
    void aStageThatWasClosedLeavesTheGuestAsItIs() {
        try (Secondary secondary = new Secondary(256)) {
            RamStage stage = stage(secondary, 1);
            stage.startTracking(secondary.tracker());
            secondary.receive(new SplittableRandom(SEED), stage.place(secondary.snapshot()), 100);
            secondary.write(0, 3, 12345);
            stage.close();
            stage.close();
            RamBlock block = secondary.snapshot().blocks().getFirst();
            assertThat(block.memory().getLong(3L * RamBlock.PAGE_BYTES)).isEqualTo(12345);
            assertThatThrownBy(stage::flush).isInstanceOf(IllegalStateException.class);
            assertThatThrownBy(() -> secondary.tracker().harvest(block))
                    .as("nobody tracks any more")
                    .hasMessageContaining("not started");
        }
    }

    /** Zero pages need none, and what one large checkpoint took is given back, a chunk a checkpoint. */
    @Test
    void memoryFollowsWhatCheckpointsNeed() {
        try (Secondary secondary = new Secondary(30_000);
                RamStage stage = stage(secondary, 1);
                NativeMemory content = NativeMemory.allocate(RamBlock.PAGE_BYTES)) {
            content.putLong(0, 1);
            PagePlace place = stage.place(secondary.snapshot());
            IntStream.range(0, 30_000).forEach(page -> place.placeZero(0, (long) page * RamBlock.PAGE_BYTES));
            stage.flush();
            assertThat(stage.heldBytes()).isZero();
            IntStream.range(0, 30_000).forEach(page -> place.place(0, (long) page * RamBlock.PAGE_BYTES, content, 0));
            stage.flush();
            assertThat(stage.heldBytes()).isEqualTo(4 * CHUNK_BYTES);
            for (int i = 0; i < 6; i++) {
                place.place(0, 0, content, 0);
                stage.flush();
            }
            assertThat(stage.heldBytes()).isEqualTo(CHUNK_BYTES);
        }
    }

    /** Zero pages first: the next one with a content lies behind chunks that nobody has needed. */
    @Test
    void aPageBehindManyZeroPagesHasItsPlace() {
        try (Secondary secondary = new Secondary(20_000);
                RamStage stage = stage(secondary, 2)) {
            PagePlace place = stage.place(secondary.snapshot());
            IntStream.range(0, 20_000).forEach(page -> place.placeZero(0, (long) page * RamBlock.PAGE_BYTES));
            secondary.receive(new SplittableRandom(SEED), place, 9_000);
            stage.flush();
            assertThat(secondary.differences()).isEmpty();
        }
    }

    @Test
    void memoryThatCannotBeHadEndsTheCheckpointAndTheGuestIsAsItWas() {
        try (Secondary secondary = new Secondary(256);
                RamStage stage = RamStage.of(secondary.snapshot(), Environment.SYSTEM, 1, bytes -> {
                    throw new MigrationException.Machine("no " + bytes + " bytes");
                });
                NativeMemory content = NativeMemory.allocate(RamBlock.PAGE_BYTES)) {
            content.putLong(0, 1);
            PagePlace place = stage.place(secondary.snapshot());
            assertThatThrownBy(() -> place.place(0, 0, content, 0)).hasMessage("no " + CHUNK_BYTES + " bytes");
            RamBlock block = secondary.snapshot().blocks().getFirst();
            assertThat(block.memory().isZero(0, RamBlock.PAGE_BYTES)).isTrue();
        }
    }
}
