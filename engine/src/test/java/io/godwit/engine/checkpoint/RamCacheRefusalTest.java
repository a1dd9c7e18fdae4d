// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.engine.checkpoint.RamCache.Settings;
import io.godwit.engine.environment.Environment;
import io.godwit.engine.guest.DirtyTracker;
import io.godwit.engine.memory.PageBitmap;
import io.godwit.engine.memory.PagePlace;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.memory.RamBlocks;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.linux.NativeException;
import io.godwit.linux.memory.AvailableMemory;
import io.godwit.linux.memory.NativeMemory;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** What a cache refuses, and what is left then. */
class RamCacheRefusalTest {
    private static final long MIB = 1L << 20;

    /** A guest whose memory nobody has touched needs room for itself and for the copy. */
    @Test
    void tooLittleMemoryIsRefusedBeforehandWithTheNumbers() {
        try (Secondary secondary = new Secondary(2560, 256)) {
            CacheRoom room = new CacheRoom(new AvailableMemory(20 * MIB, "this host"), NativeMemory::mapAnonymous);
            assertThatThrownBy(() -> RamCache.of(secondary.snapshot(), Environment.SYSTEM, Settings.DEFAULT, room))
                    .isInstanceOf(MigrationException.Refused.class)
                    .hasMessageContaining("second copy of its guest's RAM: 11 MiB")
                    .hasMessageContaining("That is 22 MiB, but this host has only 20 MiB to give")
                    .hasMessageContaining("at least 2 MiB free");
            secondary.fillRandomly(new SplittableRandom(1));
            RamCache.of(secondary.snapshot(), Environment.SYSTEM, Settings.DEFAULT, room)
                    .close();
        }
    }

    @Test
    void aGuestLargerThanTheMachineIsRefused() {
        try (NativeMemory memory = NativeMemory.mapAnonymous(1L << 38)) {
            RamBlocks ram = new RamBlocks(List.of(new RamBlock("ram", memory)));
            assertThatThrownBy(() -> RamCache.of(ram.snapshot(), Environment.SYSTEM, Settings.DEFAULT))
                    .isInstanceOf(MigrationException.Refused.class)
                    .hasMessageContaining("262144 MiB");
        }
    }

    @Test
    void anAllocationThatFailsIsRefusedAndLeavesNothing() {
        try (Secondary secondary = new Secondary(256, 256)) {
            AtomicInteger calls = new AtomicInteger();
            NativeMemory first = NativeMemory.mapAnonymous(MIB);
            CacheRoom room = new CacheRoom(new AvailableMemory(1L << 40, "this host"), bytes -> {
                if (calls.getAndIncrement() == 0) {
                    return first;
                }
                throw new NativeException("mmap", 12, "length " + bytes);
            });
            assertThatThrownBy(() -> RamCache.of(secondary.snapshot(), Environment.SYSTEM, Settings.DEFAULT, room))
                    .isInstanceOf(MigrationException.Refused.class)
                    .hasMessageContaining("RAM block block1, 1 MiB, cannot be had: mmap failed: ENOMEM");
            assertThat(first.isOpen()).isFalse();
        }
    }

    @Test
    void whoCallsBesideAFlushIsRefused() {
        try (Secondary secondary = new Secondary(256);
                RamCache cache = RamCache.of(secondary.snapshot(), Environment.SYSTEM, Settings.DEFAULT)) {
            PagePlace place = cache.place(secondary.snapshot());
            AtomicInteger harvests = new AtomicInteger();
            cache.startTracking(new ScriptedTracker() {
                @Override
                public Harvest beginHarvest(RamBlock block, PageBitmap found) {
                    harvests.getAndIncrement();
                    assertThatThrownBy(cache::flush).isInstanceOf(IllegalStateException.class);
                    assertThatThrownBy(cache::fill).isInstanceOf(IllegalStateException.class);
                    assertThatThrownBy(cache::close).isInstanceOf(IllegalStateException.class);
                    assertThatThrownBy(() -> place.placeZero(0, 0)).isInstanceOf(IllegalStateException.class);
                    return Harvest.TAKEN;
                }
            });
            cache.flush();
            assertThat(harvests).hasValue(1);
        }
    }

    /** It may have begun with some of the guest's blocks. */
    @Test
    void aTrackerThatDoesNotStartIsStopped() {
        AtomicInteger stops = new AtomicInteger();
        try (Secondary secondary = new Secondary(256)) {
            RamCache cache = RamCache.of(secondary.snapshot(), Environment.SYSTEM, Settings.DEFAULT);
            assertThatThrownBy(() -> cache.startTracking(new ScriptedTracker() {
                        @Override
                        public void start() {
                            throw new IllegalStateException("no log today");
                        }

                        @Override
                        public void stop() {
                            stops.getAndIncrement();
                        }
                    }))
                    .hasMessage("no log today");
            cache.close();
            assertThat(stops).hasValue(1);
        }
    }

    /** The pages stay marked, and the next flush copies them. */
    @Test
    void aTrackerThatFailsAtOnceLeavesTheGuestAsItWas() {
        try (Secondary secondary = new Secondary(256);
                RamCache cache = RamCache.of(secondary.snapshot(), Environment.SYSTEM, Settings.DEFAULT)) {
            AtomicInteger harvests = new AtomicInteger();
            cache.startTracking(new ScriptedTracker() {
                @Override
                public Harvest beginHarvest(RamBlock block, PageBitmap found) {
                    if (harvests.getAndIncrement() == 0) {
                        throw new IllegalStateException("no log today");
                    }
                    return Harvest.TAKEN;
                }
            });
            secondary.receive(new SplittableRandom(2), cache.place(secondary.snapshot()), 20);
            int before = secondary.differences().size();
            assertThat(before).isPositive();
            assertThatThrownBy(cache::flush).hasMessage("no log today");
            assertThat(secondary.differences()).hasSize(before);
            cache.flush();
            assertThat(secondary.differences()).isEmpty();
        }
    }

    /** What it said is true all the same, so the guest is whole, and the failure is told. */
    @Test
    void aTrackerThatFailsHalfWayLeavesAWholeGuest() {
        try (Secondary secondary = new Secondary(5000);
                RamCache cache =
                        RamCache.of(secondary.snapshot(), Environment.SYSTEM, Settings.DEFAULT.withThreads(3))) {
            SplittableRandom random = new SplittableRandom(3);
            secondary.fillRandomly(random);
            cache.fill();
            cache.startTracking(new ScriptedTracker() {
                @Override
                public Harvest beginHarvest(RamBlock block, PageBitmap found) {
                    long _ = secondary.tracker().harvest(block, found);
                    return new FailingHarvest();
                }
            });
            secondary.tracker().start();
            secondary.receive(random, cache.place(secondary.snapshot()), 1000);
            secondary.run(random, 1000);
            assertThatThrownBy(cache::flush).hasMessage("the log ends here");
            assertThat(secondary.differences()).isEmpty();
        }
    }

    private static final class FailingHarvest implements DirtyTracker.Harvest {
        @Override
        public boolean isClear(int firstWord, int count) {
            return false;
        }

        @Override
        public long word(int word) {
            return 1;
        }

        @Override
        public void arm(int firstWord, int count) {
            throw new IllegalStateException("the log ends here");
        }

        @Override
        public void close() {}
    }

    /** Knows of nothing. */
    private static class ScriptedTracker implements DirtyTracker {
        @Override
        public void start() {}

        @Override
        public long harvest(RamBlock block, PageBitmap found) {
            return 0;
        }

        @Override
        public void stop() {}

        @Override
        public String description() {
            return "a test's";
        }
    }
}
