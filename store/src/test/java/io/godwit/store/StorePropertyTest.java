// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.store.care.Collector;
import io.godwit.store.care.StoreCheck;
import io.godwit.store.snapshots.Manifest;
import io.godwit.store.snapshots.SavedBlock;
import io.godwit.store.snapshots.Snapshot;
import io.godwit.store.snapshots.SnapshotWriter;
import io.godwit.stream.Configuration;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.SplittableRandom;
import java.util.TreeMap;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A store against a map that does the same, with guests and orders by chance; the seed is the test's name. */
class StorePropertyTest {
    private static final int PAGE = SavedGuest.PAGE;

    @TempDir
    Path directory = Path.of("");

    @ParameterizedTest(name = "seed {0}")
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
    void whatWasWrittenIsReadWhateverWasRemovedAndCollected(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        Store store = Store.openOrCreate(directory.resolve("store"));
        Map<String, List<byte[]>> model = new TreeMap<>();
        for (int step = 0; step < 24; step++) {
            switch (random.nextInt(6)) {
                case 0 -> {
                    if (!model.isEmpty()) {
                        String victim = List.copyOf(model.keySet()).get(random.nextInt(model.size()));
                        store.remove(new SnapshotName(victim));
                        model.remove(victim);
                    }
                }
                case 1 -> {
                    Collector.Collected _ = Collector.collect(store);
                }
                default -> model.put("s" + step, write(store, "s" + step, random));
            }
            assertThat(store.snapshots().stream().map(SnapshotName::text)).containsExactlyElementsOf(model.keySet());
            assertThat(StoreCheck.check(store).damages())
                    .as("seed %d, step %d", seed, step)
                    .isEmpty();
        }
        model.forEach((name, memory) -> assertReads(store, name, memory, random));
        Collector.Collected _ = Collector.collect(store);
        model.forEach((name, memory) -> assertReads(store, name, memory, random));
    }

    /** Pages in any order, some of them several times; contents of few kinds, so that many are equal. */
    private static List<byte[]> write(Store store, String name, SplittableRandom random) {
        List<SavedBlock> blocks = List.of(
                new SavedBlock("ram", (1L + random.nextInt(1500)) * PAGE, PAGE, OptionalLong.empty()),
                new SavedBlock("rom", (1L + random.nextInt(20)) * PAGE, PAGE, OptionalLong.of(0xc0000)));
        List<byte[]> memory =
                blocks.stream().map(block -> new byte[(int) block.byteLength()]).toList();
        try (SnapshotWriter writer = store.write(new SnapshotName(name))) {
            writer.blocks(blocks);
            int count = random.nextInt(3000);
            int kinds = 1 + random.nextInt(1 << random.nextInt(12));
            for (int i = 0; i < count; i++) {
                int block = random.nextInt(20) == 0 ? 1 : 0;
                int page = random.nextInt(memory.get(block).length / PAGE);
                SavedGuest content = SavedGuest.ofPages(1);
                int kind = random.nextInt(kinds);
                if (kind % 3 == 0) {
                    content.fillRandom(0, 0, new SplittableRandom(kind + 1));
                } else {
                    content.fill(0, 0, kind - 1);
                }
                if (random.nextInt(10) == 0) {
                    writer.zeroPage(block, (long) page * PAGE);
                    Arrays.fill(memory.get(block), page * PAGE, (page + 1) * PAGE, (byte) 0);
                } else {
                    writer.page(block, (long) page * PAGE, content.block(0), 0);
                    System.arraycopy(content.block(0), 0, memory.get(block), page * PAGE, PAGE);
                }
            }
            Manifest manifest = writer.finish(Map.of("step", name), Configuration.of("none"), List.of(), "");
            assertThat(manifest.counts().content()
                            + manifest.counts().zero()
                            + manifest.counts().absent())
                    .isEqualTo(blocks.stream().mapToLong(SavedBlock::pageCount).sum());
        }
        return memory;
    }

    private static void assertReads(Store store, String name, List<byte[]> memory, SplittableRandom random) {
        try (Snapshot snapshot = store.snapshot(new SnapshotName(name))) {
            for (int block = 0; block < memory.size(); block++) {
                byte[] wanted = memory.get(block);
                int pages = wanted.length / PAGE;
                byte[] read = new byte[wanted.length];
                snapshot.read(block, 0, pages, read, 0);
                assertThat(Arrays.mismatch(read, wanted))
                        .as("%s, block %d", name, block)
                        .isEqualTo(-1);
                for (int i = 0; i < 50; i++) {
                    int page = random.nextInt(pages);
                    snapshot.read(block, page, 1, read, 0);
                    assertThat(Arrays.equals(read, 0, PAGE, wanted, page * PAGE, (page + 1) * PAGE))
                            .isTrue();
                }
            }
        }
    }
}
