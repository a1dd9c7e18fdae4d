// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing.precopy;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.engine.guest.FreePageReporter;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.memory.RamBlocks;
import io.godwit.engine.outgoing.plan.FreePageProgress;
import io.godwit.engine.report.FreePageStatistics;
import io.godwit.linux.memory.NativeMemory;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class FreePageHintsTest {
    private static final int PAGES = 300;

    /** Keeps what it was started with. */
    private static final class Kept implements FreePageReporter {
        int epoch;
        int stops;

        @Override
        public void start(int startedEpoch, Sink sink) {
            epoch = startedEpoch;
        }

        @Override
        public void stop() {
            stops++;
        }
    }

    private final NativeMemory memory = NativeMemory.mapAnonymous((long) PAGES * RamBlock.PAGE_BYTES);
    private final RamBlock block = new RamBlock("ram", memory);
    private final RamBlocks.Snapshot ram = new RamBlocks(List.of(block)).snapshot();
    private final Kept reporter = new Kept();
    private long now;
    private final FreePageProgress progress = new FreePageProgress();
    private final FreePageHints hints = new FreePageHints(() -> ram, reporter, progress, () -> now);

    @BeforeEach
    void begin() {
        block.beginSending();
        hints.open();
    }

    @AfterEach
    void unmap() {
        memory.close();
    }

    private FreePageStatistics statistics() {
        return progress.statistics(hints.leftOut()).orElseThrow();
    }

    private FreePageStatistics after(long firstPage, long pageCount) {
        hints.free(reporter.epoch, block, firstPage, pageCount);
        return statistics();
    }

    @ParameterizedTest
    @CsvSource({"0,1", "0,300", "63,1", "63,2", "64,64", "1,298", "299,1", "5,59", "128,172"})
    void freePagesAreWithheldAndNoOthers(long first, long count) {
        assertThat(after(first, count)).isEqualTo(new FreePageStatistics(count, 0, 0, count));
        for (long page = 0; page < PAGES; page++) {
            boolean free = page >= first && page < first + count;
            assertThat(block.withheldPages().isSet(page)).as("page %d", page).isEqualTo(free);
            assertThat(block.dirtyBitmap().isSet(page)).as("page %d", page).isEqualTo(!free);
        }
    }

    @Test
    void overlappingHintsCountAPageOnceOnly() {
        after(10, 100);
        after(50, 100);
        assertThat(after(0, 300)).isEqualTo(new FreePageStatistics(500, 0, 0, 300));
    }

    @ParameterizedTest
    @CsvSource({
        "-1,1",
        "300,1",
        "0,301",
        "299,2",
        "0,0",
        "5,-1",
        "-9223372036854775808,1",
        "1,9223372036854775807",
        "9223372036854775807,9223372036854775807",
        "-5,10"
    })
    void memoryThatTheGuestDoesNotHaveIsRefused(long first, long count) {
        assertThat(after(first, count)).isEqualTo(new FreePageStatistics(0, 0, 1, 0));
        assertThat(block.dirtyBitmap().count()).isEqualTo(PAGES);
    }

    @Test
    void aBlockOfAnotherGuestIsRefused() {
        hints.free(reporter.epoch, new RamBlock("ram", memory), 0, 1);
        assertThat(statistics()).isEqualTo(new FreePageStatistics(0, 0, 1, 0));
    }

    @Test
    void aBlockThatCameLaterIsNotHintedAndOneThatWentCountsNoMore() {
        RamBlocks blocks = new RamBlocks(List.of(block));
        FreePageProgress counted = new FreePageProgress();
        FreePageHints following = new FreePageHints(blocks::snapshot, reporter, counted, () -> now);
        following.open();
        RamBlock later = new RamBlock("later", memory);
        blocks.add(later, RamBlocks.Gate.OPEN);
        following.free(reporter.epoch, later, 0, 1);
        following.free(reporter.epoch, block, 0, 5);
        assertThat(counted.statistics(following.leftOut())).contains(new FreePageStatistics(5, 0, 1, 5));
        blocks.remove(block, RamBlocks.Gate.OPEN, () -> {});
        following.free(reporter.epoch, block, 5, 5);
        following.close();
        following.harvested();
        assertThat(following.leftOut()).isZero();
    }

    @Test
    void anotherEpochsHintIsDropped() {
        hints.free(reporter.epoch - 1, block, 0, 300);
        hints.free(reporter.epoch + 1, block, 0, 300);
        hints.free(0, block, 0, 300);
        hints.done(reporter.epoch - 1);
        assertThat(statistics()).isEqualTo(new FreePageStatistics(0, 3, 0, 0));
        assertThat(block.dirtyBitmap().count()).isEqualTo(PAGES);
    }

    @Test
    void epochsDiffer() {
        Kept other = new Kept();
        new FreePageHints(() -> ram, other, progress, () -> now).open();
        assertThat(other.epoch).isNotEqualTo(reporter.epoch).isNotZero();
        assertThat(reporter.epoch).isNotZero();
    }

    @Test
    void aHintBehindTheFirstHarvestIsDroppedAndTheReporterToldOnce() {
        hints.close();
        block.dirtyBitmap().set(7);
        hints.harvested();
        assertThat(after(0, 300)).isEqualTo(new FreePageStatistics(0, 1, 0, 0));
        hints.close();
        assertThat(block.dirtyBitmap().isSet(7)).isTrue();
        assertThat(reporter.stops).isEqualTo(1);
    }

    @Test
    void aPageThatWasSentIsNotWithheld() {
        assertThat(block.dirtyBitmap().fetchAndClearPage(70)).isTrue();
        assertThat(after(64, 64).leftOut()).isEqualTo(63);
        assertThat(block.withheldPages().isSet(70)).isFalse();
    }

    @Test
    void aPageThatTheHostWroteIsSentWhateverTheGuestSays() {
        block.markHostWrite(70);
        assertThat(after(64, 64).leftOut()).isEqualTo(63);
        assertThat(block.dirtyBitmap().isSet(70)).isTrue();
        block.markHostWrite(71);
        assertThat(block.dirtyBitmap().isSet(71)).isTrue();
        hints.close();
        hints.harvested();
        assertThat(hints.leftOut()).isEqualTo(62);
    }

    @Test
    void whatAHarvestFindsIsWithheldNoLonger() {
        after(0, 300);
        hints.close();
        block.dirtyBitmap().setRange(100, 50);
        hints.harvested();
        assertThat(hints.leftOut()).isEqualTo(250);
        hints.abandon();
        assertThat(hints.leftOut()).isZero();
    }

    @Test
    void aMillionHintsAreTaken() {
        long seed = System.nanoTime();
        SplittableRandom random = new SplittableRandom(seed);
        long pages = 0;
        for (int i = 0; i < 1_000_000; i++) {
            long first = random.nextInt(PAGES);
            long count = 1L + random.nextInt((int) Math.min(64, PAGES - first));
            hints.free(reporter.epoch, block, first, count);
            pages += count;
        }
        assertThat(statistics()).as("seed %d", seed).isEqualTo(new FreePageStatistics(pages, 0, 0, PAGES));
    }

    @Test
    void whoTellsWithoutEndIsNotListenedToAnyMore() {
        for (int i = 0; i < 2_000_000; i++) {
            hints.free(reporter.epoch, block, 0, 300);
        }
        assertThat(statistics().dropped()).isPositive();
        assertThat(statistics().leftOut()).isEqualTo(300);
    }

    /** Nothing waits for a guest: the first pass is looked into at last. */
    @Test
    void whoHasSaidNothingForHalfASecondIsNotAskedAnyMore() {
        assertThat(hints.isAsking()).isTrue();
        now += FreePageHints.FIRST_PATIENCE_NANOS - 1;
        assertThat(hints.isAsking()).isTrue();
        after(0, 1);
        now += FreePageHints.PATIENCE_NANOS - 1;
        assertThat(hints.isAsking()).as("it has said something").isTrue();
        hints.free(reporter.epoch + 1, block, 1, 1);
        hints.free(reporter.epoch, block, PAGES, 1);
        now++;
        assertThat(hints.isAsking()).as("nonsense is no word").isFalse();
        assertThat(after(2, 1))
                .as("what comes before the harvest counts")
                .isEqualTo(new FreePageStatistics(2, 1, 1, 2));
    }
}
