// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.engine.arbiter.NoArbiter;
import io.godwit.engine.guest.DeviceState;
import io.godwit.engine.guest.DirtyTracker;
import io.godwit.engine.guest.Guest;
import io.godwit.engine.guest.KeptState;
import io.godwit.engine.guest.RunControl;
import io.godwit.engine.guest.RunState;
import io.godwit.engine.guest.Vcpus;
import io.godwit.engine.memory.PageBatch;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.memory.RamBlocks;
import io.godwit.engine.memory.WantedPages;
import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.engine.settings.Capability;
import io.godwit.stream.Configuration;
import io.godwit.stream.GlobalState;
import io.godwit.stream.RamBlockEntry;
import io.godwit.testkit.peer.ScriptedDestination;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A guest that is only kept, whose pages come from somewhere else than memory, is sent by postcopy. */
@Timeout(120)
class KeptGuestTest {
    private static final int PAGES = 4000;
    private static final List<RamBlockEntry> BLOCKS = List.of(RamBlockEntry.of("pc.ram", (long) PAGES << 12));

    /** Its pages have their numbers in every byte; every seventh is of zeros. */
    private static final class Kept implements Guest, WantedPages {
        final RamBlocks ram =
                new RamBlocks(List.of(RamBlock.of("pc.ram", (long) PAGES << 12, RamBlock.PAGE_BYTES, this::locate)));
        final List<Long> asked = Collections.synchronizedList(new ArrayList<>());
        volatile long unreadable = -1;
        List<Long> wanted = List.of();

        static byte content(long page) {
            return (byte) (page % 7 == 0 ? 0 : page % 127 + 1);
        }

        private void locate(PageBatch batch) {
            for (int i = 0; i < batch.count(); i++) {
                if (batch.page(i) == unreadable) {
                    throw new IllegalStateException("page " + unreadable + " is damaged");
                }
                long at = (long) i << RamBlock.PAGE_SHIFT;
                batch.room().fill(at, RamBlock.PAGE_BYTES, content(batch.page(i)));
                batch.locate(i, batch.room(), at);
            }
        }

        @Override
        public Optional<KeptState> keptState() {
            return Optional.of(new KeptState(
                    Configuration.of("pc-i440fx-7.2"), List.of(new GlobalState("running", false).toSection())));
        }

        @Override
        public WantedPages wantedPages() {
            return this;
        }

        @Override
        public int count() {
            return wanted.size();
        }

        @Override
        public int block(int index) {
            return 0;
        }

        @Override
        public long page(int index) {
            return wanted.get(index);
        }

        @Override
        public void asked(int block, long page) {
            asked.add(page);
        }

        @Override
        public String machineType() {
            return "pc-i440fx-7.2";
        }

        @Override
        public UUID identity() {
            return new UUID(3, 4);
        }

        @Override
        public void assumeIdentity(UUID identity) {}

        @Override
        public RamBlocks ram() {
            return ram;
        }

        @Override
        public DirtyTracker dirtyTracker() {
            return DirtyTracker.NONE;
        }

        @Override
        public Vcpus vcpus() {
            return Vcpus.NONE;
        }

        @Override
        public List<DeviceState> devices() {
            return List.of();
        }

        @Override
        public void close() {}
    }

    private final Kept guest = new Kept();

    private Migrator source() {
        Migrator source = new Migrator(guest, new RunControl(guest, new NoArbiter(), RunState.PAUSED));
        source.setCapability(Capability.POSTCOPY_RAM, true);
        return source;
    }

    private static void assertHasAll(ScriptedDestination destination) {
        assertThat(destination.errors).isEmpty();
        assertThat(destination.twice.get()).as("pages that came twice").isZero();
        assertThat(destination.received.cardinality()).isEqualTo(PAGES);
        for (long page = 0; page < PAGES; page++) {
            byte content = Kept.content(page);
            assertThat(destination.contents.get(page)).as("page " + page).containsOnly(content);
        }
    }

    @Test
    void itGoesWithoutAPassAndBehindADiscardEachPageOnce() throws Exception {
        try (Migrator source = source();
                ScriptedDestination destination =
                        new ScriptedDestination(BLOCKS, new ScriptedDestination.Script() {})) {
            source.migrate(destination.uri());
            assertThat(source.awaitEnd(Pair.PATIENCE)).isTrue();
            assertThat(source.statistics().status()).isEqualTo(MigrationStatus.COMPLETED);
            List<String> order = destination.order;
            assertThat(order).containsSubsequence("START ram", "DISCARD", "PACKAGED", "PART", "END ram", "EOF");
            assertThat(order.subList(0, order.indexOf("PACKAGED"))).doesNotContain("PART");
            // A QEMU before 10.0 does not know it.
            assertThat(order).doesNotContain("SwitchoverStart");
            assertHasAll(destination);
        }
    }

    @Test
    void whatIsWantedGoesFirstAndWhatIsAskedForIsLearnt() throws Exception {
        // One is there twice, as a trace may have it.
        guest.wanted = List.of(3000L, 17L, 18L, 3000L, 2999L);
        CountDownLatch arrived = new CountDownLatch(1);
        try (Migrator source = source();
                ScriptedDestination destination =
                        new ScriptedDestination(BLOCKS, new PostcopySourceLab.Stalling(1500, arrived))) {
            source.migrate(destination.uri());
            destination.awaitPackage();
            PostcopySourceLab.awaitThat(() -> destination.pushedPages.size() >= 8, "the window is full");
            List<Long> first = List.copyOf(destination.pushedPages).subList(0, 6);
            assertThat(first).startsWith(3000L, 17L, 18L, 2999L).endsWith(0L, 1L);
            destination.request(1500);
            arrived.await();
            destination.answerAll();
            assertThat(source.awaitEnd(Pair.PATIENCE)).isTrue();
            assertThat(source.statistics().status()).isEqualTo(MigrationStatus.COMPLETED);
            assertThat(guest.asked).containsExactly(1500L);
            assertHasAll(destination);
        }
    }

    @Test
    void aPageThatCannotBeReadIsNotSentAndTheGuestWaitsForIt() throws Exception {
        guest.unreadable = 2500;
        try (Migrator source = source();
                ScriptedDestination destination =
                        new ScriptedDestination(BLOCKS, new ScriptedDestination.Script() {})) {
            source.migrate(destination.uri());
            PostcopySourceLab.awaitThat(
                    () -> source.statistics().status() == MigrationStatus.POSTCOPY_PAUSED, "it is paused");
            assertThat(source.statistics().error().orElseThrow()).contains("page 2500 is damaged");
            assertThat(destination.received.get(2500)).isFalse();
        }
    }
}
