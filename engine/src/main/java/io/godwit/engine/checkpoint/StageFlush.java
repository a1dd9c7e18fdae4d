// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.checkpoint;

import java.util.concurrent.atomic.AtomicInteger;

/** The flush of a stage: nobody has to look for pages; who has copied a piece takes the next. */
final class StageFlush implements FlushCourse {
    private static final int PIECE_PAGES = 128;

    private final StagedPages pages;
    private final int fewPages;
    private final AtomicInteger next = new AtomicInteger();

    /** Fewer pages than {@code fewPages} are the calling thread's alone. */
    StageFlush(StagedPages pages, int fewPages) {
        this.pages = pages;
        this.fewPages = fewPages;
    }

    @Override
    public void lead(FlushHand hand, Runnable others) {
        if (pages.count() >= fewPages) {
            others.run();
        }
        help(hand);
    }

    @Override
    public void help(FlushHand hand) {
        for (int at = next.getAndAdd(PIECE_PAGES); at < pages.count(); at = next.getAndAdd(PIECE_PAGES)) {
            pages.copy(at, Math.min(at + PIECE_PAGES, pages.count()), hand);
        }
    }
}
