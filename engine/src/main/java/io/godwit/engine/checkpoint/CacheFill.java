// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.checkpoint;

import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/** The first fill: all of memory is looked at, a piece of so many words of 64 pages after the other. */
final class CacheFill implements FlushCourse {
    private static final int PIECE_WORDS = 16;

    private final List<CachedBlock> blocks;
    private final AtomicInteger next = new AtomicInteger();

    CacheFill(List<CachedBlock> blocks) {
        this.blocks = blocks;
    }

    @Override
    public void lead(FlushHand hand, Runnable others) {
        others.run();
        help(hand);
    }

    @Override
    public void help(FlushHand hand) {
        int base = 0;
        int piece = next.getAndIncrement();
        for (CachedBlock block : blocks) {
            int pieces = (block.wordCount() + PIECE_WORDS - 1) / PIECE_WORDS;
            for (; piece < base + pieces; piece = next.getAndIncrement()) {
                int word = (piece - base) * PIECE_WORDS;
                block.fill(word, Math.min(PIECE_WORDS, block.wordCount() - word), hand);
            }
            base += pieces;
        }
    }
}
