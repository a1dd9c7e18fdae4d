// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.qemu.restore;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.engine.memory.PageBatch;
import io.godwit.engine.memory.RamBlock;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.store.DamageException;
import io.godwit.store.SnapshotName;
import io.godwit.store.Store;
import io.godwit.store.StoreException;
import io.godwit.store.snapshots.SavedBlock;
import io.godwit.store.snapshots.SnapshotWriter;
import io.godwit.stream.Configuration;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Pages that are read ahead are those that were stored, in whatever order they are asked for. */
class ReadAheadTest {
    private static final int PAGE = RamBlock.PAGE_BYTES;
    private static final SnapshotName NAME = new SnapshotName("one");

    /** Neither is a whole number of runs. */
    private static final List<Integer> PAGES = List.of(1000, 77);

    private final List<byte[]> memory =
            PAGES.stream().map(pages -> new byte[pages * PAGE]).toList();
    private final NativeMemory zeroPage = NativeMemory.allocate(PAGE);
    private final PageBatch batch = new PageBatch(448);

    @TempDir
    Path directory = Path.of("");

    @BeforeEach
    void storeGuest() {
        try (SnapshotWriter writer = store().write(NAME)) {
            writer.blocks(PAGES.stream()
                    .map(pages -> new SavedBlock("b" + pages, (long) pages * PAGE, PAGE, OptionalLong.empty()))
                    .toList());
            for (int block = 0; block < PAGES.size(); block++) {
                for (int page = 0; page < PAGES.get(block); page++) {
                    // A third of the pages are zeros, and one never comes, which is the same.
                    if (page % 3 == 0) {
                        if (page != 3) {
                            writer.zeroPage(block, (long) page * PAGE);
                        }
                        continue;
                    }
                    Arrays.fill(
                            memory.get(block), page * PAGE, (page + 1) * PAGE, (byte) (1 + (page * 7 + block) % 120));
                    memory.get(block)[page * PAGE] = (byte) (page >> 8);
                    memory.get(block)[page * PAGE + 1] = (byte) page;
                    writer.page(block, (long) page * PAGE, memory.get(block), page * PAGE);
                }
            }
            var _ = writer.finish(Map.of(), Configuration.of("pc"), List.of(), "");
        }
    }

    @AfterEach
    void release() {
        batch.close();
        zeroPage.close();
    }

    private Store store() {
        return Store.openOrCreate(directory.resolve("store"));
    }

    private ReadAhead ahead() {
        return new ReadAhead(
                () -> store().snapshot(NAME),
                PAGES.stream()
                        .map(pages -> new SavedBlock("b", (long) pages * PAGE, PAGE, OptionalLong.empty()))
                        .toList(),
                zeroPage);
    }

    private void assertRight(int block) {
        for (int i = 0; i < batch.count(); i++) {
            byte[] found = new byte[PAGE];
            batch.content(i).copyTo(batch.contentOffset(i), found, 0, PAGE);
            int at = (int) batch.page(i) * PAGE;
            assertThat(Arrays.mismatch(found, 0, PAGE, memory.get(block), at, at + PAGE))
                    .as("page %d of block %d", batch.page(i), block)
                    .isNegative();
        }
    }

    @Test
    void allPagesInTheirOrderAreRight() {
        try (ReadAhead ahead = ahead()) {
            for (int block = 0; block < PAGES.size(); block++) {
                for (int first = 0; first < PAGES.get(block); first += 64) {
                    batch.hold(first, Math.min(64, PAGES.get(block) - first));
                    assertThat(ahead.locate(block, batch)).isTrue();
                    assertRight(block);
                }
            }
        }
    }

    @Test
    void anyJumpFindsTheRightPages() {
        long seed = System.nanoTime();
        SplittableRandom random = new SplittableRandom(seed);
        try (ReadAhead ahead = ahead()) {
            for (int i = 0; i < 400; i++) {
                int block = random.nextInt(PAGES.size());
                int count = 2 + random.nextInt(Math.min(447, PAGES.get(block) - 2));
                batch.hold(random.nextInt(PAGES.get(block) - count + 1), count);
                assertThat(ahead.locate(block, batch))
                        .as("seed %d, jump %d", seed, i)
                        .isTrue();
                assertRight(block);
            }
        }
    }

    @Test
    void pagesInTheOrderOfATraceAreLeftToTheCaller() {
        try (ReadAhead ahead = ahead()) {
            assertThat(ahead.locate(0, pages(10, 900, 11))).isFalse();
            assertThat(ahead.locate(0, pages(11, 10))).isFalse();
            // Behind each other, with so many between them that nobody wants.
            assertThat(ahead.locate(0, pages(10, 40, 80))).isFalse();
        }
    }

    private PageBatch pages(int... numbers) {
        batch.clear();
        for (int number : numbers) {
            batch.add(number, 1);
        }
        return batch;
    }

    @Test
    void onlyTheThreadThatSendsInOrderIsServed() throws InterruptedException {
        try (ReadAhead ahead = ahead();
                PageBatch other = new PageBatch(64)) {
            batch.hold(0, 64);
            assertThat(ahead.locate(0, batch)).isTrue();
            AtomicBoolean served = new AtomicBoolean(true);
            Thread answering = Thread.ofPlatform().start(() -> {
                other.hold(800, 64);
                served.set(ahead.locate(0, other));
            });
            answering.join();
            assertThat(served).isFalse();
            assertRight(0);
        }
    }

    @Test
    void whereTheSnapshotCannotBeOpenedAgainTheCallerReads() {
        AtomicInteger opened = new AtomicInteger();
        try (SnapshotPages pages = new SnapshotPages(store().snapshot(NAME), () -> {
            opened.incrementAndGet();
            throw new StoreException("The bucket does not answer.");
        })) {
            for (int first = 0; first < 640; first += 64) {
                batch.hold(first, 64);
                pages.locate(0, batch);
                assertRight(0);
            }
        }
        assertThat(opened).hasPositiveValue();
        // Nothing holds it any more.
        store().remove(NAME);
    }

    @Test
    void aDamagedPageIsNeverGivenAndItsReaderIsTold() throws IOException {
        try (StoredPages pages = new SnapshotPages(store().snapshot(NAME), () -> store().snapshot(NAME))) {
            damageFirstPack();
            batch.hold(0, 64);
            assertThatThrownBy(() -> pages.locate(0, batch)).isInstanceOf(DamageException.class);
        }
    }

    /** In its first chunk. */
    private void damageFirstPack() throws IOException {
        try (Stream<Path> packs = Files.list(directory.resolve("store/packs"))) {
            Path pack = packs.sorted().findFirst().orElseThrow();
            byte[] bytes = Files.readAllBytes(pack);
            bytes[40] ^= 1;
            Files.write(pack, bytes);
        }
    }

    @Test
    void itEndsWhileItReads() {
        for (int i = 0; i < 20; i++) {
            ReadAhead ahead = ahead();
            try (ahead) {
                batch.hold(0, 64);
                assertThat(ahead.locate(0, batch)).isTrue();
            }
            assertThatThrownBy(() -> ahead.locate(0, batch)).isInstanceOf(StoreException.class);
        }
        store().remove(NAME);
    }
}
