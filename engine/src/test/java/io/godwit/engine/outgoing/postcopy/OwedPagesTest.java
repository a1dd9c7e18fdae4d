// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing.postcopy;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.engine.memory.PageBatch;
import io.godwit.engine.memory.PageBitmap;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.memory.RamBlocks;
import io.godwit.engine.memory.WantedPages;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.stream.Command;
import java.util.BitSet;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Who gets a page, in which order, and what is discarded before. */
class OwedPagesTest {
    private static final int BYTES = 8 << 20;
    private static final int COUNT = BYTES / RamBlock.PAGE_BYTES;

    private final NativeMemory one = NativeMemory.mapAnonymous(BYTES);
    private final NativeMemory other = NativeMemory.mapAnonymous(BYTES);

    @AfterEach
    void close() {
        one.close();
        other.close();
    }

    private RamBlocks.Snapshot ram(int pageBytes) {
        return new RamBlocks(List.of(new RamBlock("one", one), new RamBlock("other", other, pageBytes))).snapshot();
    }

    @ParameterizedTest
    @ValueSource(ints = {4 << 10, 16 << 10, 256 << 10, 512 << 10, 2 << 20})
    void aHostPageOfWhichAPartIsOwedIsOwedAsAWhole(int pageBytes) {
        long seed = System.nanoTime();
        System.out.println("widen: seed " + seed);
        SplittableRandom random = new SplittableRandom(seed);
        RamBlocks.Snapshot ram = ram(pageBytes);
        OwedPages pages = new OwedPages(ram);
        PageBitmap dirty = ram.blocks().get(1).dirtyBitmap();
        int perHostPage = pageBytes / RamBlock.PAGE_BYTES;
        BitSet expected = new BitSet();
        for (int i = 0; i < 40; i++) {
            int page = random.nextInt(COUNT);
            dirty.set(page);
            int first = page / perHostPage * perHostPage;
            expected.set(first, first + perHostPage);
        }
        pages.widen();
        assertThat(BitSet.valueOf(dirty.toWords())).isEqualTo(expected);
    }

    @ParameterizedTest
    @ValueSource(ints = {4 << 10, 16 << 10, 256 << 10, 2 << 20})
    void thePushAndARequestNeverGetTheSamePage(int pageBytes) throws Exception {
        RamBlocks.Snapshot ram = ram(pageBytes);
        OwedPages pages = new OwedPages(ram);
        int perHostPage = pageBytes / RamBlock.PAGE_BYTES;
        for (RamBlock block : ram.blocks()) {
            block.dirtyBitmap().setAll();
        }
        AtomicLong claimed = new AtomicLong();
        Thread requests = Thread.ofPlatform().start(() -> {
            SplittableRandom random = new SplittableRandom(5);
            for (int i = 0; i < 20_000; i++) {
                long page = random.nextInt(COUNT / perHostPage) * (long) perHostPage;
                if (pages.claim(1, page)) {
                    claimed.addAndGet(perHostPage);
                }
            }
        });
        PushCursor cursor = new PushCursor(pages, WantedPages.NONE);
        PageBatch batch = new PageBatch(512);
        long pushed = 0;
        while (cursor.next(batch, 16)) {
            pushed += batch.count();
        }
        requests.join();
        assertThat(pushed + claimed.get()).isEqualTo(2L * COUNT);
        assertThat(pages.count()).isZero();
    }

    @Test
    void thePushGoesOnFromWhereItWasPutAndMissesNothing() {
        RamBlocks.Snapshot ram = ram(RamBlock.PAGE_BYTES);
        OwedPages pages = new OwedPages(ram);
        ram.blocks().get(0).dirtyBitmap().setRange(0, 100);
        ram.blocks().get(1).dirtyBitmap().setRange(500, 100);
        PushCursor cursor = new PushCursor(pages, WantedPages.NONE);
        PageBatch batch = new PageBatch(64);
        cursor.moveTo(1, 550);
        assertThat(cursor.next(batch, 16)).isTrue();
        assertThat(cursor.block()).isEqualTo(1);
        assertThat(batch.count()).isEqualTo(16);
        assertThat(batch.page(0)).isEqualTo(550);
        long left = 200 - 16;
        while (cursor.next(batch, 16)) {
            left -= batch.count();
        }
        assertThat(left).isZero();
    }

    @Test
    void discardsCoverWhatIsOwedOnceInRangesOfTwelve() {
        long seed = System.nanoTime();
        System.out.println("discards: seed " + seed);
        SplittableRandom random = new SplittableRandom(seed);
        RamBlocks.Snapshot ram = ram(RamBlock.PAGE_BYTES);
        Discards discards = new Discards(new OwedPages(ram));
        BitSet told = new BitSet();
        PageBitmap dirty = ram.blocks().get(1).dirtyBitmap();
        for (int round = 0; round < 5; round++) {
            for (int i = 0; i < 300; i++) {
                long first = random.nextInt(COUNT - 100);
                dirty.setRange(first, 1 + random.nextInt(100));
            }
            for (Command.PostcopyRamDiscard discard : discards.next(false)) {
                assertThat(discard.block()).isEqualTo("other");
                assertThat(discard.ranges()).hasSizeBetween(1, 12);
                for (Command.Range range : discard.ranges()) {
                    int from = (int) (range.start() / 4096);
                    int to = from + (int) (range.byteLength() / 4096);
                    assertThat(told.get(from, to).isEmpty()).as("told twice").isTrue();
                    told.set(from, to);
                }
            }
            assertThat(told).isEqualTo(BitSet.valueOf(dirty.toWords()));
        }
        assertThat(discards.next(true)).isEmpty();
    }

    @Test
    void aSwitchWithNothingOwedDiscardsOnePageAndOwesIt() {
        RamBlocks.Snapshot ram = ram(RamBlock.PAGE_BYTES);
        OwedPages pages = new OwedPages(ram);
        List<Command.PostcopyRamDiscard> commands = new Discards(pages).next(true);
        assertThat(commands)
                .containsExactly(new Command.PostcopyRamDiscard("one", List.of(new Command.Range(0, 4096))));
        assertThat(pages.count()).isEqualTo(1);
    }

    @Test
    void thePageQueueKeepsAPageOnceAndForgetsWhatDoesNotFit() {
        RamBlocks.Snapshot ram = ram(RamBlock.PAGE_BYTES);
        OwedPages pages = new OwedPages(ram);
        ram.blocks().get(1).dirtyBitmap().setRange(10, 2);
        PageQueue queue = new PageQueue(pages);
        assertThat(queue.put(1, 10, 77)).isTrue();
        assertThat(queue.put(1, 10, 78)).as("asked for twice").isFalse();
        assertThat(queue.put(1, 12, 79)).as("not owed").isFalse();
        assertThat(queue.put(1, 11, 80)).isTrue();
        assertThat(List.of((long) queue.block(), queue.page(), queue.readNanos()))
                .containsExactly(1L, 10L, 77L);
        queue.drop();
        assertThat(List.of((long) queue.block(), queue.page(), queue.readNanos()))
                .containsExactly(1L, 11L, 80L);
        queue.drop();
        assertThat(queue.isEmpty()).isTrue();
    }
}
