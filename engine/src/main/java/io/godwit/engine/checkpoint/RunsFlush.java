// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.checkpoint;

import io.godwit.engine.environment.Environment;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * {@link FlushShape#RUNS}: the calling thread looks for pages and cuts them into small pieces, which the others begin
 * to copy meanwhile; then it copies too. Who has done one piece takes the next.
 */
final class RunsFlush implements FlushCourse {
    /** Where a piece ends at the latest, but for the rest of its last word. */
    private static final int PIECE_PAGES = 128;

    private static final int SPINS = 2000;

    private final List<CachedBlock> blocks;
    private final Environment environment;
    private final TakenWords taken;
    private final int[] pieceBlocks;
    private final int[] pieceEnds;
    private final AtomicInteger next = new AtomicInteger();
    /** How many pieces there are so far: who sees the number sees the pieces. */
    private volatile int published;

    private volatile boolean complete;
    private boolean helped;
    private int fewPages;
    private long pages;
    private int looked;
    private int inPiece;

    RunsFlush(List<CachedBlock> blocks, Environment environment) {
        this.blocks = blocks;
        this.environment = environment;
        int words = Math.toIntExact(
                blocks.stream().mapToLong(CachedBlock::wordCount).sum());
        taken = new TakenWords(words);
        int pieces = words / (PIECE_PAGES / Long.SIZE) + blocks.size() + 1;
        pieceBlocks = new int[pieces];
        pieceEnds = new int[pieces];
    }

    /** For so many threads; fewer pages than these are the calling one's alone. */
    RunsFlush begin(int threads, int few) {
        helped = threads > 1;
        fewPages = few;
        taken.clear();
        pages = 0;
        looked = 0;
        inPiece = 0;
        published = 0;
        complete = false;
        next.set(0);
        return this;
    }

    @Override
    public void lead(FlushHand hand, Runnable others) {
        boolean woken = !helped;
        if (helped && blocks.stream().mapToLong(CachedBlock::marked).sum() >= fewPages) {
            woken = true;
            others.run();
        }
        for (int i = 0; i < blocks.size(); i++) {
            CachedBlock block = blocks.get(i);
            for (int word = 0; word < block.wordCount(); word += FlushHand.WORDS) {
                pages += block.take(word, Math.min(FlushHand.WORDS, block.wordCount() - word), taken);
                cut(i);
                if (!woken && pages >= fewPages) {
                    woken = true;
                    others.run();
                }
            }
            if (inPiece > 0) {
                publish(i, taken.count());
            }
        }
        complete = true;
        help(hand);
    }

    /** Makes pieces of what was taken since; what is too little for one stays. */
    private void cut(int block) {
        while (looked < taken.count()) {
            inPiece += Long.bitCount(taken.bits(looked++));
            if (inPiece >= PIECE_PAGES) {
                publish(block, looked);
            }
        }
    }

    private void publish(int block, int end) {
        int piece = published;
        pieceBlocks[piece] = block;
        pieceEnds[piece] = end;
        published = piece + 1;
        inPiece = 0;
    }

    @Override
    public void help(FlushHand hand) {
        for (int piece = take(); piece >= 0; piece = take()) {
            int begin = piece == 0 ? 0 : pieceEnds[piece - 1];
            blocks.get(pieceBlocks[piece]).copy(taken, begin, pieceEnds[piece], hand);
        }
    }

    /** The number of a piece that nobody else gets, if need be as soon as there is one; negative at the end. */
    private int take() {
        int mine = next.getAndIncrement();
        int spins = 0;
        while (mine >= published) {
            if (complete) {
                return mine < published ? mine : -1;
            }
            // Looking for the next pages takes microseconds, to get a processor back may take milliseconds.
            if (++spins % SPINS == 0) {
                environment.giveWay();
            } else {
                Thread.onSpinWait();
            }
        }
        return mine;
    }
}
