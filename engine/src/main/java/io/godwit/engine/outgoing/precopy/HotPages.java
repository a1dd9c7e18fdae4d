// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing.precopy;

import io.godwit.engine.guest.DirtyTracker;
import io.godwit.engine.memory.PageBitmap;
import io.godwit.engine.memory.RamBlock;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Pages that the guest was seen to write within the first pass. They are left for the second: a page that is written
 * again and again would be sent in vain now, and one that was written once is sent once all the same, only later.
 * (Clark et al., "Live Migration of Virtual Machines", NSDI 2005, leave such pages out of every pass; in later ones
 * nearly all that is dirty is hot, and nothing would be gained.)
 *
 * <p>They are dirty like any other. Used by {@code mig-outgoing} alone.
 */
final class HotPages {
    private final Map<RamBlock, PageBitmap> written = new HashMap<>();

    /** Those of a block. */
    PageBitmap of(RamBlock block) {
        return written.computeIfAbsent(block, one -> new PageBitmap(one.pageCount()));
    }

    /** Harvests a block: what was written is dirty, and hot. Returns what the tracker reported. */
    long harvest(DirtyTracker tracker, RamBlock block) {
        PageBitmap found = of(block);
        long pages = tracker.harvestUnlessGone(block, found);
        PageBitmap dirty = block.dirtyBitmap();
        for (int word = 0; word < found.wordCount(); word++) {
            // A page that was to be left out and is in use again has not been sent once: it travels in this pass.
            dirty.or(word, found.fetchAndClear(word, block.withheldPages().peek(word)));
            // Those of earlier looks too: none of them has been sent since.
            dirty.or(word, found.peek(word));
        }
        return pages;
    }

    /** How many there are in these blocks: others may have gone, and nobody owes their pages any more. */
    long count(List<RamBlock> blocks) {
        return blocks.stream().mapToLong(block -> of(block).count()).sum();
    }
}
