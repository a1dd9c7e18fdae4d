// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.tracking;

import io.godwit.engine.guest.DirtyTracker;
import io.godwit.engine.memory.PageBitmap;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.memory.RamBlocks;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/**
 * For guests whose writer says itself what it writes, where the kernel offers no tracking or a program knows better.
 * The writer calls {@link #mark} <em>after</em> each write: marked before it, the page could be harvested and sent
 * without it.
 *
 * <p>Marking is safe from any thread and costs one atomic operation; harvesting is for one thread.
 */
public final class MarkedPagesTracker implements DirtyTracker {
    private final Map<RamBlock, PageBitmap> marks = new ConcurrentHashMap<>();
    private volatile boolean tracking;

    /** A tracker for the blocks of {@code ram}. */
    public MarkedPagesTracker(RamBlocks ram) {
        for (RamBlock block : ram.snapshot().blocks()) {
            PageBitmap _ = marks.put(block, new PageBitmap(block.pageCount()));
        }
    }

    /** A block comes: before anybody writes to it, and before it is in the guest's list. Any thread. */
    public void add(RamBlock block) {
        PageBitmap _ = marks.put(block, new PageBitmap(block.pageCount()));
    }

    /** A block has gone: its writes are of no interest any more. Any thread. */
    public void remove(RamBlock block) {
        Optional<PageBitmap> _ = Optional.ofNullable(marks.remove(block));
    }

    /** Says that a page of {@code block} has been written; of one that has gone nobody wants to know. */
    public void mark(RamBlock block, long page) {
        // Marked even when nobody tracks: a writer that asks first could miss a start between its question and its
        // write.
        Optional.ofNullable(marks.get(block)).ifPresent(written -> written.set(page));
    }

    @Override
    public void start() {
        tracking = true;
        marks.values().forEach(PageBitmap::clearAll);
    }

    @Override
    public long harvest(RamBlock block, PageBitmap found) {
        if (!tracking) {
            throw new IllegalStateException("the tracker was not started");
        }
        return Optional.ofNullable(marks.get(block))
                .map(written -> move(written, found))
                .orElse(0L);
    }

    private static long move(PageBitmap from, PageBitmap to) {
        long pages = 0;
        for (int word = 0; word < from.wordCount(); word++) {
            long bits = from.fetchAndClear(word);
            if (bits != 0) {
                to.or(word, bits);
                pages += Long.bitCount(bits);
            }
        }
        return pages;
    }

    @Override
    public void stop() {
        tracking = false;
    }

    @Override
    public String description() {
        return "program's marks";
    }
}
