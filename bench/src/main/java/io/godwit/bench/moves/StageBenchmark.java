// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.bench.moves;

import io.godwit.engine.checkpoint.RamCache;
import io.godwit.engine.checkpoint.RamStage;
import io.godwit.engine.checkpoint.SecondaryRam;
import io.godwit.engine.environment.Environment;
import io.godwit.engine.memory.PagePlace;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.memory.RamBlocks;
import io.godwit.linux.memory.Advice;
import io.godwit.linux.memory.NativeMemory;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;

/**
 * A secondary that keeps a second copy of RAM beside one that keeps the pages of a checkpoint only: what it takes to
 * put pages there as they come, and to flush them. In turn, on the same memory.
 */
public final class StageBenchmark {
    private static final int MEBIBYTES = 4096;
    private static final int THREADS = Math.clamp(Runtime.getRuntime().availableProcessors(), 2, 8);
    private static final int WARM_UPS = 20;
    private static final long SEED = 0x676f64776974L;
    private static final int STAGING_PAGES = 64;

    private final SplittableRandom random = new SplittableRandom(SEED);
    private final NativeMemory staging = NativeMemory.allocate((long) STAGING_PAGES * RamBlock.PAGE_BYTES);
    private final long pageCount;

    private StageBenchmark(RamBlock block) {
        pageCount = block.pageCount();
        staging.fillRandom(0, staging.byteLength(), SEED);
    }

    /** Measures each set so many times. */
    public static void run(int runs) {
        NativeMemory memory = NativeMemory.mapAnonymous((long) MEBIBYTES << 20);
        memory.advise(0, memory.byteLength(), Advice.HUGEPAGE);
        RamBlock block = new RamBlock("ram", memory);
        for (long page = 0; page < block.pageCount(); page++) {
            memory.putLong(page * RamBlock.PAGE_BYTES, page + 1);
        }
        RamBlocks.Snapshot ram = new RamBlocks(List.of(block)).snapshot();
        StageBenchmark benchmark = new StageBenchmark(block);
        try (RamCache cache = RamCache.of(ram, Environment.SYSTEM, RamCache.Settings.DEFAULT.withThreads(THREADS));
                RamStage stage = RamStage.of(ram, Environment.SYSTEM, THREADS)) {
            var _ = cache.fill();
            for (int pages : List.of(10_000, 300, 2_000, 10_000, 100_000)) {
                benchmark.compare(pages, runs, ram, cache, stage);
            }
        } finally {
            benchmark.staging.close();
            memory.close();
        }
    }

    private void compare(int pages, int runs, RamBlocks.Snapshot ram, RamCache cache, RamStage stage) {
        Timed second = new Timed(cache, cache.place(ram));
        Timed staged = new Timed(stage, stage.place(ram));
        for (int i = 0; i < WARM_UPS + runs; i++) {
            long[] dirty = random.longs(pages, 0, pageCount).sorted().toArray();
            second.round(dirty, i >= WARM_UPS);
            staged.round(dirty, i >= WARM_UPS);
        }
        Series hashing = new Series("hash", "us");
        NativeMemory memory = ram.blocks().getFirst().memory();
        for (int i = 0; i < WARM_UPS + runs; i++) {
            long begin = System.nanoTime();
            long sum = 0;
            for (int page = 0; page < pages; page++) {
                sum += memory.hash(random.nextLong(pageCount) * RamBlock.PAGE_BYTES, RamBlock.PAGE_BYTES);
            }
            if (i >= WARM_UPS && sum != 0) {
                hashing.add((System.nanoTime() - begin) / 1e3);
            }
        }
        System.out.printf(Locale.ROOT, "%d single pages of %d MiB, %d threads%n", pages, MEBIBYTES, THREADS);
        second.print("second copy", second);
        staged.print("stage", second);
        System.out.printf(Locale.ROOT, "  the stage holds %d MiB%n", stage.heldBytes() >> 20);
        System.out.printf(Locale.ROOT, "  what one side would need to know which pages are equal: %s%n", hashing);
    }

    private final class Timed {
        private final SecondaryRam ram;
        private final PagePlace place;
        private final Series placing = new Series("place", "us");
        private final Series flushing = new Series("flush", "us");

        Timed(SecondaryRam ram, PagePlace place) {
            this.ram = ram;
            this.place = place;
        }

        void round(long[] dirty, boolean counts) {
            long begin = System.nanoTime();
            for (int i = 0; i < dirty.length; i++) {
                place.place(
                        0, dirty[i] * RamBlock.PAGE_BYTES, staging, (long) (i % STAGING_PAGES) * RamBlock.PAGE_BYTES);
            }
            long placed = System.nanoTime() - begin;
            long flushed = ram.flush().nanos();
            if (counts) {
                placing.add(placed / 1e3);
                flushing.add(flushed / 1e3);
            }
        }

        void print(String name, Timed other) {
            System.out.printf(
                    Locale.ROOT,
                    "  %s: %s (%.2f of the second copy's time); %s (%.2f)%n",
                    name,
                    placing,
                    placing.median() / other.placing.median(),
                    flushing,
                    flushing.median() / other.flushing.median());
        }
    }
}
