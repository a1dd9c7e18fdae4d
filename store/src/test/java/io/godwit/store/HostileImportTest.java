// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.store.care.StoreCheck;
import io.godwit.store.images.ImageSource;
import io.godwit.store.images.MappedRamExport;
import io.godwit.store.images.StreamImport;
import io.godwit.store.snapshots.Snapshot;
import io.godwit.store.snapshots.SnapshotWriter;
import io.godwit.stream.RamBlockEntry;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Files that somebody has changed: they become a snapshot, or a sentence; the store is whole either way. */
class HostileImportTest {
    private static final int ROUNDS = 60;

    @TempDir
    Path directory = Path.of("");

    @ParameterizedTest(name = "seed {0}")
    @ValueSource(longs = {1, 2, 3, 4})
    void whateverIsInTheFileTheStoreStaysWhole(long seed) throws IOException {
        SplittableRandom random = new SplittableRandom(seed);
        Store store = Store.openOrCreate(directory.resolve("store"));
        byte[] whole = seed % 2 == 0 ? mapped(store) : guest().stream();
        Path file = directory.resolve("file");
        int refused = 0;
        for (int round = 0; round < ROUNDS; round++) {
            byte[] changed = changed(whole, random);
            Files.write(file, changed);
            SnapshotName name = new SnapshotName("round" + round);
            try (ImageSource source = ImageSource.open(file, 0);
                    SnapshotWriter writer = store.write(name)) {
                var _ = StreamImport.read(source, writer, Map.of());
            } catch (StoreException e) {
                refused++;
                assertThat(e.getMessage()).as("seed %d, round %d", seed, round).endsWith(".");
                assertThat(store.snapshots()).doesNotContain(name);
            }
        }
        assertThat(refused).isBetween(1, ROUNDS - 1);
        assertThat(StoreCheck.check(store).damages()).isEmpty();
    }

    private static SavedGuest guest() {
        SavedGuest guest = new SavedGuest(RamBlockEntry.of("a", 9 * 4096L), RamBlockEntry.of("b", 4096));
        for (int page = 0; page < 9; page += 2) {
            guest.fill(0, page, page + 1);
        }
        return guest.fill(1, 0, 3);
    }

    private byte[] mapped(Store store) throws IOException {
        var _ = guest().importInto(store, "origin");
        Path file = directory.resolve("mapped");
        try (Snapshot snapshot = store.snapshot(new SnapshotName("origin"))) {
            MappedRamExport.write(snapshot, file);
        }
        return Files.readAllBytes(file);
    }

    /** Some bytes of the head or of the tail are others, or the end is missing. */
    private static byte[] changed(byte[] whole, SplittableRandom random) {
        byte[] changed = whole.clone();
        int edge = Math.min(400, whole.length / 2);
        for (int i = random.nextInt(3); i >= 0; i--) {
            int at = random.nextInt(edge);
            changed[random.nextBoolean() ? at : whole.length - 1 - at] = (byte) random.nextInt(256);
        }
        return random.nextInt(4) == 0 ? Arrays.copyOf(changed, random.nextInt(whole.length)) : changed;
    }
}
