// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.store.care.Collector;
import io.godwit.store.care.StoreCheck;
import io.godwit.store.snapshots.AccessTrace;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a guest wanted first is kept beside its snapshot, and is never worth more than a hint. */
class AccessTraceTest {
    private static final SnapshotName NAME = new SnapshotName("web/monday");
    private static final AccessTrace TRACE =
            AccessTrace.of(AccessTrace.place(1, 7), AccessTrace.place(0, (1L << 40) + 3));

    @TempDir
    Path directory;

    private Store store;

    @BeforeEach
    void fill() {
        store = Store.openOrCreate(directory.resolve("store"));
        var _ = SavedGuest.ofPages(4).fill(0, 1, 5).importInto(store, NAME.toString());
    }

    private Path file() {
        return directory.resolve("store/snapshots/web+monday.trace");
    }

    @Test
    void itIsReadAsItWasKeptAndALaterOneTakesItsPlace() {
        assertThat(store.trace(NAME)).isEmpty();
        store.keepTrace(NAME, AccessTrace.of(5));
        store.keepTrace(NAME, TRACE);
        assertThat(store.trace(NAME)).contains(TRACE);
        assertThat(TRACE.block(0)).isEqualTo(1);
        assertThat(TRACE.page(1)).isEqualTo((1L << 40) + 3);
    }

    @Test
    void oneThatIsDamagedInAnyByteIsNone() throws IOException {
        store.keepTrace(NAME, TRACE);
        byte[] whole = Files.readAllBytes(file());
        for (int i = 0; i < whole.length; i++) {
            byte[] damaged = whole.clone();
            damaged[i] = (byte) ~damaged[i];
            Files.write(file(), damaged);
            assertThat(store.trace(NAME)).as("with byte " + i + " changed").isEmpty();
        }
        Files.write(file(), new byte[0]);
        assertThat(store.trace(NAME)).isEmpty();
    }

    @Test
    void itGoesWithItsSnapshot() throws IOException {
        store.keepTrace(NAME, TRACE);
        store.remove(NAME);
        assertThat(file()).doesNotExist();
        // As a remove leaves it that was killed.
        store.keepTrace(NAME, TRACE);
        var _ = Collector.collect(store);
        assertThat(file()).doesNotExist();
    }

    @Test
    void theCheckFindsNothingStrangeInIt() {
        store.keepTrace(NAME, TRACE);
        assertThat(store.place().strangers()).isEmpty();
        assertThat(StoreCheck.check(store).notes()).isEmpty();
    }
}
