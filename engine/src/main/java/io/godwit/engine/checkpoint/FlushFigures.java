// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.checkpoint;

import io.godwit.engine.report.FlushStatistics;

/** What one thread does in a flush, counted by itself. */
final class FlushFigures {
    private long pages;
    private long runs;
    private long nanos;

    void clear() {
        pages = 0;
        runs = 0;
        nanos = 0;
    }

    /** A run of pages was copied. */
    void add(long count) {
        pages += count;
        runs++;
    }

    void worked(long lasted) {
        nanos = lasted;
    }

    FlushStatistics.Part picture() {
        return new FlushStatistics.Part(pages, runs, nanos);
    }
}
