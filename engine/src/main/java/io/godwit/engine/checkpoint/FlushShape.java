// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.checkpoint;

import java.util.List;

/** How the pages of a flush are shared out to its threads. */
public enum FlushShape {
    /**
     * As many ranges as threads, equal in length, without a look at what is in them. Pages that lie in one corner are
     * one thread's work.
     */
    RANGES {
        @Override
        long cut(List<CachedBlock> blocks, FlushPieces pieces, int threads) {
            long words = blocks.stream().mapToLong(CachedBlock::wordCount).sum();
            long share = (words + threads - 1) / threads;
            long left = share;
            long pages = 0;
            for (int i = 0; i < blocks.size(); i++) {
                int at = 0;
                while (at < blocks.get(i).wordCount()) {
                    int count = (int) Math.min(left, blocks.get(i).wordCount() - at);
                    pieces.add(i, at, count);
                    pages += blocks.get(i).count(at, count);
                    at += count;
                    left = left == count ? share : left - count;
                }
            }
            return pages;
        }
    },

    /** The calling thread looks for pages and cuts them into small pieces; whoever has done one takes the next. */
    RUNS {
        @Override
        long cut(List<CachedBlock> blocks, FlushPieces pieces, int threads) {
            long pages = 0;
            for (int i = 0; i < blocks.size(); i++) {
                pages += cut(i, blocks.get(i), pieces);
            }
            return pages;
        }

        private long cut(int number, CachedBlock block, FlushPieces pieces) {
            long all = 0;
            int first = 0;
            int behind = 0;
            int pages = 0;
            for (int word = 0; word < block.wordCount(); word++) {
                long bits = block.peek(word);
                if (bits != 0) {
                    first = pages == 0 ? word : first;
                    behind = word + 1;
                    pages += Long.bitCount(bits);
                    if (pages >= FlushPieces.PAGES) {
                        pieces.add(number, first, behind - first);
                        all += pages;
                        pages = 0;
                    }
                }
            }
            if (pages > 0) {
                pieces.add(number, first, behind - first);
            }
            return all + pages;
        }
    };

    /**
     * Cuts what is to be flushed into pieces of words of 64 pages, none of which has a word of another.
     *
     * @return how many pages are to be flushed
     */
    abstract long cut(List<CachedBlock> blocks, FlushPieces pieces, int threads);
}
