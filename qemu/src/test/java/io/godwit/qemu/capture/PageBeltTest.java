// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.qemu.capture;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.linux.memory.NativeMemory;
import io.godwit.store.SnapshotName;
import io.godwit.store.Store;
import io.godwit.store.StoreException;
import io.godwit.store.care.StoreCheck;
import io.godwit.store.snapshots.SavedBlock;
import io.godwit.store.snapshots.Snapshot;
import io.godwit.store.snapshots.SnapshotWriter;
import io.godwit.stream.Configuration;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
class PageBeltTest {
    private static final int PAGE = NativeMemory.PAGE_BYTES;
    private static final int PAGES = 3000;
    private static final SnapshotName NAME = new SnapshotName("one");

    @TempDir
    Path directory = Path.of("");

    private SnapshotWriter begun(Store store) {
        SnapshotWriter writer = store.write(NAME);
        writer.blocks(List.of(new SavedBlock("pc.ram", (long) PAGES * PAGE, PAGE, OptionalLong.empty())));
        return writer;
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 3})
    void theLastContentOfEachPageIsStoredWhoeverHashesIt(int hashers) {
        Store store = Store.openOrCreate(directory.resolve("store"));
        byte[] wanted = new byte[PAGES * PAGE];
        SplittableRandom random = new SplittableRandom(20261130 + hashers);
        try (SnapshotWriter writer = begun(store);
                NativeMemory page = NativeMemory.allocate(PAGE);
                PageBelt belt = new PageBelt(writer, hashers)) {
            byte[] bytes = new byte[PAGE];
            for (int i = 0; i < 3 * PAGES; i++) {
                int number = i < PAGES ? i : random.nextInt(PAGES);
                if (random.nextInt(4) == 0) {
                    belt.putZero(0, (long) number * PAGE);
                    bytes = new byte[PAGE];
                } else {
                    random.nextBytes(bytes);
                    page.copyFrom(0, bytes, 0, PAGE);
                    belt.put(0, (long) number * PAGE, page, 0);
                }
                System.arraycopy(bytes, 0, wanted, number * PAGE, PAGE);
            }
            belt.drain();
            var _ = writer.finish(Map.of(), Configuration.of("pc"), List.of(), "");
        }
        byte[] read = new byte[wanted.length];
        try (Snapshot snapshot = store.snapshot(NAME)) {
            snapshot.read(0, 0, PAGES, read, 0);
        }
        assertThat(read).isEqualTo(wanted);
        assertThat(StoreCheck.check(store).damages()).isEmpty();
    }

    @Test
    void whatTheStoreCannotTakeIsToldToWhoPutsPages() {
        Store store = Store.openOrCreate(directory.resolve("store"));
        try (SnapshotWriter writer = begun(store);
                NativeMemory page = NativeMemory.allocate(PAGE);
                PageBelt belt = new PageBelt(writer, 1)) {
            belt.putZero(7, 0);
            belt.put(0, 0, page, 0);
            assertThatThrownBy(belt::drain)
                    .isInstanceOf(StoreException.class)
                    .hasMessage("There is no page at byte 0 of RAM block 7.");
        }
    }
}
