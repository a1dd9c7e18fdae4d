// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.bench.moves;

import io.godwit.engine.checkpoint.FlushShape;
import io.godwit.engine.checkpoint.RamCache;
import io.godwit.engine.checkpoint.RamStage;
import io.godwit.engine.environment.Environment;
import io.godwit.engine.guest.DirtyTracker;
import io.godwit.engine.memory.PageBitmap;
import io.godwit.engine.memory.PagePlace;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.memory.RamBlocks;
import io.godwit.linux.memory.Advice;
import io.godwit.linux.memory.NativeMemory;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SplittableRandom;

/**
 * The flush of a secondary's cache into its guest, in turn with a program in C that copies the same runs between
 * memories of the same size. Nobody has touched the pages shortly before.
 */
public final class FlushBenchmark {
    private static final int MEBIBYTES = 4096;
    private static final int THREADS = Math.clamp(Runtime.getRuntime().availableProcessors(), 2, 8);
    private static final int WARM_UPS = 20;
    private static final long SEED = 0x676f64776974L;

    /** What is dirty: so many pages, in the first part of memory. */
    private record Dirty(int pages, int onePartOf) {
        long[] words(SplittableRandom random) {
            long all = ((long) MEBIBYTES << 20) / RamBlock.PAGE_BYTES;
            long[] words = new long[(int) (all / 64)];
            int left = pages;
            while (left > 0) {
                long page = random.nextLong(all / onePartOf);
                long bit = 1L << page;
                left -= (words[(int) (page >>> 6)] & bit) == 0 ? 1 : 0;
                words[(int) (page >>> 6)] |= bit;
            }
            return words;
        }

        @Override
        public String toString() {
            return pages + " pages" + (onePartOf == 1 ? "" : " in 1/" + onePartOf);
        }
    }

    /** Who copies. */
    private record Way(String name, FlushShape shape, int threads) {}

    private static final List<Way> WAYS = List.of(
            new Way("one thread", FlushShape.RUNS, 1),
            new Way(THREADS + " threads, runs", FlushShape.RUNS, THREADS),
            new Way(THREADS + " threads, ranges", FlushShape.RANGES, THREADS));

    private final SplittableRandom random = new SplittableRandom(SEED);
    private final NativeMemory memory = NativeMemory.mapAnonymous((long) MEBIBYTES << 20);
    private final RamBlock block = new RamBlock("ram", memory);
    private final GivenLog log = new GivenLog();
    private final RamBlocks.Snapshot ram;
    private final RamCache cache;
    private final CopyFloor floor;
    private final Map<String, RamStage> stages = new LinkedHashMap<>();
    private final NativeMemory page = NativeMemory.allocate(RamBlock.PAGE_BYTES);

    /** Says what it was told that the guest has written, as the log of a kernel does. */
    private static final class GivenLog implements DirtyTracker {
        private long[] words = {};

        @Override
        public void start() {}

        @Override
        public long harvest(RamBlock harvested, PageBitmap found) {
            return 0;
        }

        @Override
        public Harvest beginHarvest(RamBlock harvested, PageBitmap found) {
            return new Harvest() {
                @Override
                public boolean isClear(int firstWord, int count) {
                    int last = firstWord + count - 1;
                    return words[firstWord] == 0
                            && Arrays.mismatch(words, firstWord, last, words, firstWord + 1, last + 1) < 0;
                }

                @Override
                public long word(int word) {
                    return words[word];
                }

                @Override
                public void arm(int firstWord, int count) {}

                @Override
                public void close() {}
            };
        }

        @Override
        public void stop() {}

        @Override
        public String description() {
            return "the benchmark's";
        }
    }

    private FlushBenchmark() throws Exception {
        memory.advise(0, memory.byteLength(), Advice.HUGEPAGE);
        for (long page = 0; page < block.pageCount(); page++) {
            memory.putLong(page * RamBlock.PAGE_BYTES, page + 1);
        }
        ram = new RamBlocks(List.of(block)).snapshot();
        cache = RamCache.of(ram, Environment.SYSTEM, RamCache.Settings.DEFAULT.withThreads(THREADS));
        stages.put("stage, one thread", RamStage.of(ram, Environment.SYSTEM, 1));
        stages.put("stage, " + THREADS + " threads", RamStage.of(ram, Environment.SYSTEM, THREADS));
        page.fillRandom(0, page.byteLength(), SEED);
        var _ = cache.fill();
        cache.startTracking(log);
        floor = new CopyFloor(MEBIBYTES, THREADS);
    }

    /** Measures each set so many times. */
    public static void run(int runs) throws Exception {
        if (!CopyFloor.isBuilt()) {
            System.out.println("could not run: the floor is not built; it needs a C compiler");
            return;
        }
        FlushBenchmark benchmark = new FlushBenchmark();
        try {
            Dirty warmUp = new Dirty(10_000, 1);
            for (int i = 0; i < WARM_UPS; i++) {
                benchmark.round(warmUp, new LinkedHashMap<>());
            }
            for (Dirty dirty : List.of(
                    new Dirty(100, 1),
                    new Dirty(300, 1),
                    new Dirty(1_000, 1),
                    new Dirty(5_000, 1),
                    new Dirty(10_000, 1),
                    new Dirty(10_000, 10),
                    new Dirty(200_000, 1),
                    // A tenth of the memory has half as many.
                    new Dirty(200_000, 5))) {
                Map<String, Series> all = new LinkedHashMap<>();
                for (int i = 0; i < (dirty.pages > 100_000 ? Math.max(5, runs / 4) : runs); i++) {
                    benchmark.round(dirty, all);
                }
                print(dirty, all);
            }
        } finally {
            benchmark.close();
        }
    }

    private void round(Dirty dirty, Map<String, Series> all) throws Exception {
        for (Way way : WAYS) {
            log.words = dirty.words(random);
            cache.use(RamCache.Settings.DEFAULT.withShape(way.shape).withThreads(way.threads));
            add(all, way.name, cache.flush().nanos());
        }
        for (Map.Entry<String, RamStage> stage : stages.entrySet()) {
            stage(dirty.words(random), stage.getValue().place(ram));
            add(all, stage.getKey(), stage.getValue().flush().nanos());
        }
        add(all, "C, one thread", floor.flush(dirty.words(random), 1));
        add(all, "C, " + THREADS + " threads", floor.flush(dirty.words(random), THREADS));
    }

    /** The pages of a checkpoint have come just before its flush. */
    private void stage(long[] words, PagePlace place) {
        for (int word = 0; word < words.length; word++) {
            for (long rest = words[word]; rest != 0; rest &= rest - 1) {
                place.place(0, ((long) word * 64 + Long.numberOfTrailingZeros(rest)) * RamBlock.PAGE_BYTES, page, 0);
            }
        }
    }

    private static void add(Map<String, Series> all, String name, long nanos) {
        series(all, name).add(nanos / 1e3);
    }

    private static Series series(Map<String, Series> all, String name) {
        return all.computeIfAbsent(name, key -> new Series(key, "us"));
    }

    private static void print(Dirty dirty, Map<String, Series> all) {
        System.out.println(dirty + " of " + MEBIBYTES + " MiB");
        double one = series(all, WAYS.getFirst().name).median();
        double floorOne = series(all, "C, one thread").median();
        double floorAll = series(all, "C, " + THREADS + " threads").median();
        all.forEach((name, series) -> System.out.printf(
                Locale.ROOT,
                "  %s, %.2f GB/s%s%n",
                series,
                dirty.pages * 4096.0 / series.median() / 1e3,
                name.startsWith("C")
                        ? ""
                        : String.format(
                                Locale.ROOT,
                                "; %.2f of one thread's speed, %.2f of C's",
                                one / series.median(),
                                (name.endsWith("one thread") ? floorOne : floorAll) / series.median())));
        System.out.printf(
                Locale.ROOT,
                "  %d threads against one: the stage %.2f, C %.2f%n",
                THREADS,
                series(all, "stage, one thread").median()
                        / series(all, "stage, " + THREADS + " threads").median(),
                floorOne / floorAll);
    }

    private void close() throws Exception {
        floor.close();
        cache.close();
        stages.values().forEach(RamStage::close);
        page.close();
        memory.close();
    }
}
