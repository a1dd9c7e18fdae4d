// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing.postcopy;

import io.godwit.engine.memory.PageBitmap;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.memory.RamBlocks;
import java.util.List;

/**
 * The pages that the destination has yet to get, in the unit in which it places them: whole host pages. A set bit in a
 * block's dirty bitmap is a page owed, and whoever takes the bit sends the page.
 *
 * <p>Invariant, from {@link #widen} on: of a host page either all bits are set or it has been claimed. A host page of
 * more than 64 pages is claimed by its first word; the winner alone clears the others.
 *
 * <p>Threads: {@link #claim} from any; {@link #widen} while nobody claims.
 */
public final class OwedPages {
    private final List<RamBlock> blocks;

    public OwedPages(RamBlocks.Snapshot ram) {
        this.blocks = ram.blocks();
    }

    int blockCount() {
        return blocks.size();
    }

    public RamBlock block(int blockIndex) {
        return blocks.get(blockIndex);
    }

    /** How many target pages a host page of the block has. */
    int pagesPerHostPage(int blockIndex) {
        return blocks.get(blockIndex).pageBytes() >>> RamBlock.PAGE_SHIFT;
    }

    /** The largest host page, in target pages. */
    int largestHostPage() {
        return blocks.stream()
                .mapToInt(block -> block.pageBytes() >>> RamBlock.PAGE_SHIFT)
                .max()
                .orElse(1);
    }

    /** Makes each host page of which a part is owed owed as a whole. */
    void widen() {
        for (int i = 0; i < blocks.size(); i++) {
            int pages = pagesPerHostPage(i);
            if (pages > 1) {
                widen(blocks.get(i).dirtyBitmap(), pages);
            }
        }
    }

    private static void widen(PageBitmap dirty, int pages) {
        for (int word = 0; word < dirty.wordCount(); word++) {
            long bits = dirty.peek(word);
            while (bits != 0) {
                long first = (((long) word << 6) + Long.numberOfTrailingZeros(bits)) & -(long) pages;
                dirty.setRange(first, pages);
                long behind = first + pages - ((long) word << 6);
                bits = behind >= 64 ? 0 : bits & (-1L << behind);
            }
        }
    }

    /**
     * Takes a whole host page.
     *
     * @param firstPage its first target page
     * @return false if somebody has taken it before, or it is not owed
     */
    boolean claim(int blockIndex, long firstPage) {
        PageBitmap dirty = blocks.get(blockIndex).dirtyBitmap();
        int pages = pagesPerHostPage(blockIndex);
        int word = (int) (firstPage >>> 6);
        if (pages < 64) {
            return dirty.fetchAndClear(word, ((1L << pages) - 1) << firstPage) != 0;
        }
        if (dirty.fetchAndClear(word) == 0) {
            return false;
        }
        for (int i = 1; i < pages >>> 6; i++) {
            long _ = dirty.fetchAndClear(word + i);
        }
        return true;
    }

    /** Whether the host page that begins there is owed. */
    boolean isOwed(int blockIndex, long firstPage) {
        return blocks.get(blockIndex).dirtyBitmap().isSet(firstPage);
    }

    /** How many target pages are owed. */
    public long count() {
        long count = 0;
        for (RamBlock block : blocks) {
            count += block.dirtyBitmap().count();
        }
        return count;
    }
}
