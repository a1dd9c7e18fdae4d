// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.bench.moves;

import io.godwit.engine.checkpoint.RamCache;
import io.godwit.engine.environment.Environment;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.memory.RamBlocks;
import io.godwit.linux.memory.Advice;
import io.godwit.linux.memory.NativeMemory;
import java.util.List;
import java.util.Locale;

/** The first fill of a secondary's cache from a guest that is there, in turn with a program in C that does the same. */
public final class FillBenchmark {
    private static final int MEBIBYTES = 2048;
    private static final int THREADS = Math.clamp(Runtime.getRuntime().availableProcessors(), 2, 8);
    private static final int WARM_UPS = 2;

    private FillBenchmark() {}

    /** Measures so many times. */
    public static void run(int runs) throws Exception {
        if (!CopyFloor.isBuilt()) {
            System.out.println("could not run: the floor is not built; it needs a C compiler");
            return;
        }
        Series one = new Series("one thread", "ms");
        Series all = new Series(THREADS + " threads", "ms");
        Series floorOne = new Series("C, one thread", "ms");
        Series floorAll = new Series("C, " + THREADS + " threads", "ms");
        try (NativeMemory memory = NativeMemory.mapAnonymous((long) MEBIBYTES << 20);
                CopyFloor floor = new CopyFloor(MEBIBYTES, THREADS)) {
            memory.advise(0, memory.byteLength(), Advice.HUGEPAGE);
            RamBlock block = new RamBlock("ram", memory);
            for (long page = 0; page < block.pageCount(); page++) {
                memory.putLong(page * RamBlock.PAGE_BYTES, page + 1);
            }
            RamBlocks ram = new RamBlocks(List.of(block));
            List<Series> series = List.of(one, all, floorOne, floorAll);
            for (int i = -WARM_UPS; i < runs; i++) {
                for (int j = 0; j < series.size(); j++) {
                    Floor.warm(MEBIBYTES);
                    double millis = switch (j) {
                        case 0 -> fill(ram, 1);
                        case 1 -> fill(ram, THREADS);
                        case 2 -> floor.fill(1) / 1e6;
                        default -> floor.fill(THREADS) / 1e6;
                    };
                    if (i >= 0) {
                        series.get(j).add(millis);
                    }
                }
            }
        }
        for (Series series : List.of(one, all, floorOne, floorAll)) {
            System.out.printf(Locale.ROOT, "%s, %.2f GB/s%n", series, ((long) MEBIBYTES << 20) / series.median() / 1e6);
        }
        System.out.printf(
                Locale.ROOT,
                "%d threads against one: %.2f; C: %.2f; of C's speed %.2f, one thread %.2f%n",
                THREADS,
                one.median() / all.median(),
                floorOne.median() / floorAll.median(),
                floorAll.median() / all.median(),
                floorOne.median() / one.median());
    }

    private static double fill(RamBlocks ram, int threads) {
        try (RamCache cache =
                RamCache.of(ram.snapshot(), Environment.SYSTEM, RamCache.Settings.DEFAULT.withThreads(threads))) {
            return cache.fill().nanos() / 1e6;
        }
    }
}
