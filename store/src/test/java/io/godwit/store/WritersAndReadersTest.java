// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.store.care.Collector;
import io.godwit.store.care.StoreCheck;
import io.godwit.store.images.ImageSource;
import io.godwit.store.images.StreamImport;
import io.godwit.store.objects.DirectoryPlace;
import io.godwit.store.snapshots.Manifest;
import io.godwit.store.snapshots.SavedBlock;
import io.godwit.store.snapshots.Snapshot;
import io.godwit.store.snapshots.SnapshotWriter;
import io.godwit.stream.Configuration;
import io.godwit.stream.RamBlockEntry;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.SplittableRandom;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Who may do what at the same time. */
class WritersAndReadersTest {
    private static final int PAGES = 2000;

    @TempDir
    Path directory = Path.of("");

    private Store store = Store.at(DirectoryPlace.of(Path.of("")));

    @BeforeEach
    void makeStore() {
        store = Store.openOrCreate(directory.resolve("store"));
    }

    private static SavedGuest guest(long seed) {
        SavedGuest guest = new SavedGuest(RamBlockEntry.of("pc.ram", (long) PAGES * SavedGuest.PAGE));
        SplittableRandom random = new SplittableRandom(seed);
        for (int page = 0; page < PAGES; page++) {
            if (random.nextInt(4) > 0) {
                guest.fill(0, page, random.nextInt(3000));
            }
        }
        return guest;
    }

    @Test
    void aSecondWriterIsRefusedAtOnceAndTheFirstGoesOn() {
        try (SnapshotWriter first = store.write(new SnapshotName("a"))) {
            assertThatThrownBy(() -> store.write(new SnapshotName("b")))
                    .isInstanceOf(StoreException.class)
                    .hasMessageContaining("is being written or collected by another process");
            assertThatThrownBy(() -> Collector.collect(store)).hasMessageContaining("is being written");
            var _ = guest(1).importWith(first);
        }
        assertThat(store.snapshots()).containsExactly(new SnapshotName("a"));
        var _ = guest(2).importInto(store, "b");
        assertThat(StoreCheck.check(store).damages()).isEmpty();
    }

    @Test
    void aNameThatIsTakenIsRefusedAndItsSnapshotStays() {
        var _ = guest(1).importInto(store, "a");
        assertThatThrownBy(() -> store.write(new SnapshotName("a")))
                .hasMessageContaining("There is a snapshot 'a' in")
                .hasMessageContaining("it stays as it is");
        assertReads(store, "a", guest(1).block(0));
    }

    @Test
    void aSnapshotThatIsReadCannotBeRemoved() {
        var _ = guest(1).importInto(store, "a");
        try (Snapshot _ = store.snapshot(new SnapshotName("a"))) {
            assertThatThrownBy(() -> store.remove(new SnapshotName("a"))).hasMessageContaining("is being read");
        }
        store.remove(new SnapshotName("a"));
        assertThatThrownBy(() -> store.snapshot(new SnapshotName("a")))
                .hasMessageContaining("There is no snapshot 'a'");
    }

    @Test
    void nothingIsSeenOfAWriterThatDoesNotFinish() throws Exception {
        try (SnapshotWriter writer = store.write(new SnapshotName("a"))) {
            byte[] stream = guest(1).stream();
            byte[] half = Arrays.copyOf(stream, stream.length / 2);
            try (var source = ImageSource.of(new ByteArrayInputStream(half), 0)) {
                assertThatThrownBy(() -> StreamImport.read(source, writer, Map.of()))
                        .hasMessageContaining("standard input is not a whole stream")
                        .hasMessageContaining("Nothing was stored.");
            }
        }
        assertThat(store.snapshots()).isEmpty();
        try (var left = Files.list(directory.resolve("store/unfinished"))) {
            assertThat(left).isEmpty();
        }
        assertThat(StoreCheck.check(store).damages()).isEmpty();
    }

    @Test
    void readersReadTheSameWhileOthersWriteRemoveAndCollect() throws Exception {
        var _ = guest(1).importInto(store, "kept");
        AtomicBoolean done = new AtomicBoolean();
        AtomicLong reads = new AtomicLong();
        byte[] wanted = guest(1).block(0);
        try (ExecutorService readers = Executors.newFixedThreadPool(3)) {
            List<Future<Object>> running = List.of(
                    readers.submit(() -> read(done, reads, wanted, 1)),
                    readers.submit(() -> read(done, reads, wanted, 2)),
                    readers.submit(() -> read(done, reads, wanted, 3)));
            for (int round = 0; round < 8; round++) {
                long before = reads.get();
                var _ = guest(round % 3).importInto(store, "r" + round);
                store.remove(new SnapshotName("r" + round));
                Collector.Collected _ = Collector.collect(store);
                while (reads.get() == before && running.stream().noneMatch(Future::isDone)) {
                    Thread.onSpinWait();
                }
            }
            done.set(true);
            for (Future<Object> reader : running) {
                Object _ = reader.get();
            }
        }
        assertThat(StoreCheck.check(store).damages()).isEmpty();
    }

    /** Opens, reads some pages, closes, again and again. */
    private Object read(AtomicBoolean done, AtomicLong reads, byte[] wanted, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        byte[] page = new byte[SavedGuest.PAGE];
        while (!done.get()) {
            try (Snapshot snapshot = store.snapshot(new SnapshotName("kept"))) {
                for (int i = 0; i < 500; i++) {
                    int number = random.nextInt(PAGES);
                    snapshot.read(0, number, 1, page, 0);
                    int at = number * SavedGuest.PAGE;
                    assertThat(Arrays.equals(page, 0, page.length, wanted, at, at + page.length))
                            .isTrue();
                }
            }
            long _ = reads.incrementAndGet();
        }
        return reads;
    }

    @Test
    void anEqualPageIsStoredOnceWhicheverGuestHadItFirst() {
        long first = guest(1).importInto(store, "a").counts().newPages();
        assertThat(first).isPositive();
        assertThat(guest(1).importInto(store, "b").counts().newPages()).isZero();
        SavedGuest changed =
                guest(1).fill(0, 7, 1_000_000).fill(0, 8, 1_000_000).fill(0, 9, 1_000_001);
        assertThat(changed.importInto(store, "c").counts().newPages()).isEqualTo(2);
    }

    @Test
    void theLastOfSeveralContentsOfAPageCounts() {
        SavedGuest guest = guest(1).sentBefore(0, 3, 77).sentBefore(0, 4, 78);
        var _ = guest.importInto(store, "a");
        assertReads(store, "a", guest.block(0));
    }

    @Test
    void aGuestThatIsMostlyNothingCostsNothing() {
        long pages = 1L << 28;
        try (SnapshotWriter writer = store.write(new SnapshotName("big"))) {
            writer.blocks(
                    List.of(new SavedBlock("ram", pages * SavedGuest.PAGE, SavedGuest.PAGE, OptionalLong.empty())));
            writer.page(
                    0,
                    (pages - 1) * SavedGuest.PAGE,
                    SavedGuest.ofPages(1).fill(0, 0, 7).block(0),
                    0);
            var _ = writer.finish(Map.of(), Configuration.of("none"), List.of(), "");
        }
        try (Snapshot snapshot = store.snapshot(new SnapshotName("big"))) {
            Manifest.Counts counts = snapshot.manifest().counts();
            assertThat(counts.content()).isEqualTo(1);
            assertThat(counts.absent()).isEqualTo(pages - 1);
            byte[] page = new byte[SavedGuest.PAGE];
            snapshot.read(0, pages - 1, 1, page, 0);
            assertThat(page).isEqualTo(SavedGuest.ofPages(1).fill(0, 0, 7).block(0));
            snapshot.read(0, pages / 2, 1, page, 0);
            assertThat(page).containsOnly(0);
            assertThatThrownBy(() -> snapshot.read(0, pages, 1, page, 0)).hasMessageContaining("has 268435456 pages");
        }
        assertThat(StoreCheck.check(store).damages()).isEmpty();
    }

    @Test
    void aStoreIsMadeOnlyWhereNothingElseIs() throws Exception {
        Path other = Files.createDirectory(directory.resolve("other"));
        Path _ = Files.writeString(other.resolve("letter"), "x");
        assertThatThrownBy(() -> Store.openOrCreate(other)).hasMessageContaining("is no store, and it is not empty");
        assertThatThrownBy(() -> Store.open(other)).hasMessageContaining("is no store: it has no file store.format");
        Path later = directory.resolve("store/store.format");
        Path _ = Files.writeString(later, "Godwit store\nversion 2\npage-bytes 4096\n");
        assertThatThrownBy(() -> Store.open(directory.resolve("store"))).hasMessageContaining("is of a later version");
    }

    @Test
    void nobodyElseMayReadTheFilesOfAStore() throws Exception {
        var _ = guest(1).importInto(store, "a");
        try (var files = Files.walk(directory.resolve("store"))) {
            assertThat(files.map(file -> {
                        try {
                            return PosixFilePermissions.toString(Files.getPosixFilePermissions(file));
                        } catch (IOException e) {
                            throw new UncheckedIOException(e);
                        }
                    }))
                    .allMatch(mode -> mode.endsWith("------"));
        }
    }

    private static void assertReads(Store store, String name, byte[] wanted) {
        byte[] read = new byte[wanted.length];
        try (Snapshot snapshot = store.snapshot(new SnapshotName(name))) {
            snapshot.read(0, 0, wanted.length / SavedGuest.PAGE, read, 0);
        }
        assertThat(Arrays.mismatch(read, wanted)).isEqualTo(-1);
    }
}
