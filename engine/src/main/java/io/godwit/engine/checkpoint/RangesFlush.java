// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.checkpoint;

import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/** {@link FlushShape#RANGES}: each thread looks for pages in a range of its own. Who comes late finds it taken. */
final class RangesFlush implements FlushCourse {
    private final List<CachedBlock> blocks;
    private final long words;
    private final AtomicInteger next = new AtomicInteger();
    private int ranges = 1;
    private int fewPages;

    RangesFlush(List<CachedBlock> blocks) {
        this.blocks = blocks;
        this.words = blocks.stream().mapToLong(CachedBlock::wordCount).sum();
    }

    /** For so many threads; fewer pages than these are the calling one's alone. */
    RangesFlush begin(int threads, int few) {
        ranges = threads;
        fewPages = few;
        next.set(0);
        return this;
    }

    @Override
    public void lead(FlushHand hand, Runnable others) {
        if (ranges > 1 && blocks.stream().mapToLong(CachedBlock::count).sum() >= fewPages) {
            others.run();
        }
        help(hand);
    }

    @Override
    public void help(FlushHand hand) {
        for (int range = next.getAndIncrement(); range < ranges; range = next.getAndIncrement()) {
            flush(words * range / ranges, words * (range + 1) / ranges, hand);
        }
    }

    /** Words are counted over all blocks here. */
    private void flush(long from, long behind, FlushHand hand) {
        long base = 0;
        for (CachedBlock block : blocks) {
            int first = Math.clamp(from - base, 0, block.wordCount());
            int end = Math.clamp(behind - base, 0, block.wordCount());
            for (int word = first; word < end; word += FlushHand.WORDS) {
                hand.taken().clear();
                long _ = block.take(word, Math.min(FlushHand.WORDS, end - word), hand.taken());
                block.copy(hand.taken(), 0, hand.taken().count(), hand);
            }
            base += block.wordCount();
        }
    }
}
