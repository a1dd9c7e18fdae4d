// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.godwit.store.care.Collector;
import io.godwit.store.care.StoreCheck;
import io.godwit.store.snapshots.Snapshot;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A disk that gets full in the middle, a real one of 2 MiB. */
@Tag("kernel")
class FullDiskTest {
    @TempDir
    Path directory = Path.of("");

    private Path disk = Path.of("");
    private boolean mounted;

    @BeforeEach
    void mount() throws Exception {
        disk = Files.createDirectory(directory.resolve("disk"));
        mounted = run("mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk.toString()) == 0;
        assumeTrue(mounted, "no right to mount a tmpfs");
    }

    @AfterEach
    void unmount() throws Exception {
        if (mounted) {
            assertThat(run("umount", disk.toString())).isZero();
        }
    }

    private static int run(String... command) throws IOException, InterruptedException {
        return new ProcessBuilder(command).redirectErrorStream(true).start().waitFor();
    }

    private static SavedGuest random(int pages, long seed) {
        SavedGuest guest = SavedGuest.ofPages(pages);
        SplittableRandom random = new SplittableRandom(seed);
        for (int page = 0; page < pages; page++) {
            guest.fillRandom(0, page, random);
        }
        return guest;
    }

    @Test
    void aFullDiskEndsTheWriterAndTheStoreStaysWhole() {
        Store store = Store.openOrCreate(disk.resolve("store"));
        var _ = random(100, 1).importInto(store, "small");
        for (int pages : new int[] {420, 450, 600, 1000}) {
            assertThatThrownBy(() -> random(pages, pages).importInto(store, "big"))
                    .isInstanceOf(StoreException.class)
                    .hasMessageContaining("No space left on device");
            assertThat(StoreCheck.check(store).damages()).isEmpty();
            assertThat(store.snapshots()).containsExactly(new SnapshotName("small"));
            byte[] read = new byte[100 * SavedGuest.PAGE];
            try (Snapshot snapshot = store.snapshot(new SnapshotName("small"))) {
                snapshot.read(0, 0, 100, read, 0);
            }
            assertThat(Arrays.equals(read, random(100, 1).block(0))).isTrue();
        }
        store.remove(new SnapshotName("small"));
        Collector.Collected _ = Collector.collect(store);
        var _ = random(300, 5).importInto(store, "big");
        assertThat(StoreCheck.check(store).damages()).isEmpty();
    }
}
