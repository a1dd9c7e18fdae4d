// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.store.care.StoreCheck;
import io.godwit.store.snapshots.Snapshot;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Whatever byte of a store changes, the check finds it and names the file. */
class DamageTest {
    private static final long SEED = 20261130;
    private static final int PLAIN_FROM = SavedGuest.PAGE;

    @TempDir
    Path directory = Path.of("");

    private Path root = Path.of("");

    @BeforeEach
    void makeStore() {
        root = directory.resolve("store");
        Store store = Store.openOrCreate(root);
        SavedGuest guest = SavedGuest.ofPages(600);
        for (int page = 0; page < 40; page++) {
            guest.fill(0, page * 14, page + 1);
        }
        guest.importInto(store, "web/monday");
        guest.fill(0, 5, 1000).fillRandom(0, 6, new SplittableRandom(SEED)).importInto(store, "web/tuesday");
        assertThat(StoreCheck.check(store).damages()).isEmpty();
        assertThat(StoreCheck.check(store).notes()).isEmpty();
    }

    private List<Path> files() throws IOException {
        try (Stream<Path> files = Files.walk(root)) {
            return files.filter(Files::isRegularFile)
                    .filter(file -> !file.endsWith("lock"))
                    .sorted()
                    .toList();
        }
    }

    /** The names of the files that the check says are damaged. */
    private List<String> found() {
        try {
            return StoreCheck.check(Store.open(root)).damages().stream()
                    .map(StoreCheck.Damage::object)
                    .toList();
        } catch (DamageException e) {
            return List.of(e.object());
        }
    }

    @Test
    void everyByteThatChangesIsFoundAndItsFileNamed() throws IOException {
        SplittableRandom random = new SplittableRandom(SEED);
        List<String> unseen = new ArrayList<>();
        int flips = 0;
        for (Path file : files()) {
            byte[] whole = Files.readAllBytes(file);
            for (int at = 0; at < whole.length; at++) {
                // The plain page is one sum: some of its bytes stand for all of them.
                if (whole.length > PLAIN_FROM && at > 100 && at < SavedGuest.PAGE && at % 16 != 0) {
                    continue;
                }
                byte[] changed = whole.clone();
                changed[at] ^= (byte) (1 + random.nextInt(255));
                Files.write(file, changed);
                if (!found().contains(root.relativize(file).toString())) {
                    unseen.add(root.relativize(file) + " byte " + at);
                }
                flips++;
            }
            Files.write(file, whole);
        }
        assertThat(unseen)
                .as("changed bytes that nobody found, of " + flips + ", seed " + SEED)
                .isEmpty();
        assertThat(flips).isGreaterThan(3000);
    }

    @Test
    void aFileThatIsCutOrLongerIsFound() throws IOException {
        List<String> unseen = new ArrayList<>();
        for (Path file : files()) {
            byte[] whole = Files.readAllBytes(file);
            for (int length :
                    new int[] {0, 1, whole.length / 2, whole.length - 64, whole.length - 1, whole.length + 1}) {
                Files.write(file, Arrays.copyOf(whole, Math.max(0, length)));
                // An empty index is one that a killed writer had not begun to write; see UnfinishedIndexTest.
                boolean unfinished = length == 0 && file.endsWith("index");
                if (!unfinished && !found().contains(root.relativize(file).toString())) {
                    unseen.add(root.relativize(file) + " of " + length + " bytes");
                }
            }
            Files.write(file, whole);
        }
        assertThat(unseen).isEmpty();
    }

    @Test
    void aPackThatIsAnotherOrGoneIsFoundAndTheSnapshotsThatNeedItAreNamed() throws IOException {
        Path first = root.resolve("packs/00000001.pack");
        Path second = root.resolve("packs/00000002.pack");
        Files.delete(second);
        assertThat(found()).containsExactly("snapshots/web+tuesday.snapshot");
        byte[] whole = Files.readAllBytes(first);
        byte[] changed = whole.clone();
        changed[20] ^= 1;
        Files.write(first, changed);
        List<StoreCheck.Damage> damages = StoreCheck.check(Store.open(root)).damages();
        assertThat(damages.getFirst().object()).isEqualTo("packs/00000001.pack");
        assertThat(damages.getFirst().snapshots())
                .containsExactly(new SnapshotName("web/monday"), new SnapshotName("web/tuesday"));
    }

    @Test
    void nobodyBuildsOnAPackWhoseDirectoryOrIdsAreDamaged() throws IOException {
        Path pack = root.resolve("packs/00000001.pack");
        byte[] whole = Files.readAllBytes(pack);
        for (int fromTheEnd : new int[] {1, 70, 64 + 48 + 3 * 24 + 5}) {
            byte[] changed = whole.clone();
            changed[whole.length - fromTheEnd] ^= 1;
            Files.write(pack, changed);
            SavedGuest guest = SavedGuest.ofPages(40);
            for (int page = 0; page < 40; page++) {
                guest.fill(0, page, page + 1);
            }
            String name = "again" + fromTheEnd;
            var _ = guest.importInto(Store.open(root), name);
            byte[] read = new byte[40 * SavedGuest.PAGE];
            try (Snapshot snapshot = Store.open(root).snapshot(new SnapshotName(name))) {
                snapshot.read(0, 0, 40, read, 0);
            }
            assertThat(Arrays.equals(read, guest.block(0))).as(name).isTrue();
        }
    }

    @Test
    void whatIsNotTheStoresIsNoDamage() throws IOException {
        Path _ = Files.writeString(root.resolve("packs/readme.txt"), "x");
        Path _ = Files.writeString(root.resolve("snapshots/..snapshot"), "x");
        StoreCheck.Report report = StoreCheck.check(Store.open(root));
        assertThat(report.damages()).isEmpty();
        assertThat(report.notes())
                .contains("packs/readme.txt is no file of a store.", "snapshots/..snapshot is no file of a store.");
    }
}
