// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.checkpoint;

import io.godwit.engine.report.FlushStatistics;

/** What one thread needs for a flush, and what it has done in it, counted by itself. */
final class FlushHand {
    /** Words of 64 pages that are taken at once: 64 MiB. */
    static final int WORDS = 256;

    private final TakenWords taken = new TakenWords(WORDS);
    private final PageRuns found = new PageRuns();
    private long pages;
    private long runs;
    private long nanos;

    @SuppressWarnings("UnusedVariable") // without it the compiler would leave the reads out
    private long sight;

    void clear() {
        pages = 0;
        runs = 0;
        nanos = 0;
    }

    /** For the words that it has taken itself. */
    TakenWords taken() {
        return taken;
    }

    /** For the runs that it is to copy next. */
    PageRuns found() {
        return found;
    }

    /** So many pages were copied, in so many runs. */
    void add(long pageCount, long runCount) {
        pages += pageCount;
        runs += runCount;
    }

    /** Something was read for its own sake. */
    void seen(long content) {
        sight += content;
    }

    void worked(long lasted) {
        nanos = lasted;
    }

    boolean hasCopied() {
        return pages > 0;
    }

    FlushStatistics.Part picture() {
        return new FlushStatistics.Part(pages, runs, nanos);
    }
}
