// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.store.care.StoreCheck;
import io.godwit.store.objects.DirectoryPlace;
import io.godwit.store.pages.PageDeposit;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** An index can be cut short by the death of who makes it, which is no damage, or otherwise, which is. */
class UnfinishedIndexTest {
    private static final int HEADER_BYTES = 64;

    @TempDir
    Path directory = Path.of("");

    private Path root = Path.of("");
    private Store store = Store.at(DirectoryPlace.of(Path.of("")));

    @BeforeEach
    void makeStore() {
        root = directory.resolve("store");
        store = Store.openOrCreate(root);
        var _ = SavedGuest.ofPages(100).fill(0, 5, 1000).importInto(store, "one");
    }

    private void cut(long bytes) throws IOException {
        try (FileChannel index = FileChannel.open(root.resolve("index"), StandardOpenOption.WRITE)) {
            FileChannel _ = index.truncate(bytes);
        }
    }

    private void dieWhileTheIndexGrows() {
        PageDeposit deposit = new PageDeposit(DirectoryPlace.of(root), 10_000);
        deposit.close();
    }

    @Test
    void oneWhoseMakerWasKilledIsNoDamageAndIsMadeAnew() throws IOException {
        for (long left : new long[] {HEADER_BYTES, HEADER_BYTES + 1, 0}) {
            dieWhileTheIndexGrows();
            cut(left);
            assertThat(StoreCheck.check(store).damages())
                    .as("%s bytes are left", left)
                    .isEmpty();
        }
        var _ = SavedGuest.ofPages(100).fill(0, 5, 1000).importInto(store, "two");
        assertThat(StoreCheck.check(store).damages()).isEmpty();
    }

    @Test
    void oneThatWasClosedAndIsCutShortIsDamage() throws IOException {
        for (long left : new long[] {HEADER_BYTES + 8, HEADER_BYTES, HEADER_BYTES - 1}) {
            cut(left);
            assertThat(StoreCheck.check(store).damages())
                    .as("%s bytes are left", left)
                    .hasSize(1);
        }
    }
}
