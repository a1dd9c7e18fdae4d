// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.bench.micro;

import io.godwit.engine.memory.PageBatch;
import io.godwit.engine.memory.PageBitmap;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

/** One walk of the dirty bitmap of a 16 GiB guest, which takes all its bits. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
public class BitmapWalkBenchmark {
    private static final int PAGES = 4 << 20;
    private static final int BATCH_PAGES = 448;
    private static final long SEED = 0x676f_6477_6974L;

    /** Pages that are dirty, of a thousand; where they are is left to chance. */
    @Param({"1", "100", "1000"})
    public int dirtyPerMille = 1;

    private final PageBitmap bitmap = new PageBitmap(PAGES);
    private final PageBatch batch = new PageBatch(BATCH_PAGES);
    private final long[] pattern = new long[PAGES / Long.SIZE];
    private final long[] words = new long[PAGES / Long.SIZE];
    private final long[] pages = new long[BATCH_PAGES];

    /** Draws the pattern. */
    @Setup(Level.Trial)
    public void draw() {
        Random random = new Random(SEED);
        for (int page = 0; page < PAGES; page++) {
            if (random.nextInt(1000) < dirtyPerMille) {
                pattern[page >>> 6] |= 1L << page;
            }
        }
    }

    /** Sets the bits again. */
    @Setup(Level.Invocation)
    public void set() {
        for (int word = 0; word < pattern.length; word++) {
            bitmap.or(word, pattern[word]);
            words[word] = pattern[word];
        }
    }

    /** What a pass does: batch after batch, each word taken atomically. */
    @Benchmark
    public long walk() {
        long sum = 0;
        int word = 0;
        while (word < bitmap.wordCount()) {
            word = batch.fill(bitmap, word);
            for (int i = 0; i < batch.count(); i++) {
                sum += batch.page(i);
            }
        }
        return sum;
    }

    /** The same with a plain array that nobody else writes. */
    @Benchmark
    public long floorPlainWalk() {
        long sum = 0;
        int word = 0;
        while (word < words.length) {
            int count = 0;
            while (word < words.length && count + Long.SIZE <= pages.length) {
                long bits = words[word];
                words[word] = 0;
                while (bits != 0) {
                    pages[count++] = ((long) word << 6) + Long.numberOfTrailingZeros(bits);
                    bits &= bits - 1;
                }
                word++;
            }
            for (int i = 0; i < count; i++) {
                sum += pages[i];
            }
        }
        return sum;
    }
}
