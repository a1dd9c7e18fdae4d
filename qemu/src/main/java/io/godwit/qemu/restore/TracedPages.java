// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.qemu.restore;

import io.godwit.engine.memory.PageBitmap;
import io.godwit.engine.memory.WantedPages;
import io.godwit.store.snapshots.AccessTrace;
import io.godwit.store.snapshots.SavedBlock;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * The pages that a guest wanted when it was restored before, in their order; behind them, those that it asks for now
 * and that were not among them.
 */
final class TracedPages implements WantedPages {
    private final List<PageBitmap> known;
    private long[] places;
    /** As {@link #places} was: another thread reads it. */
    private final AccessTrace before;

    private int learnt;

    /** Of a guest with these blocks. What {@code before} says of pages that it does not have is left out. */
    TracedPages(List<SavedBlock> blocks, Optional<AccessTrace> trace) {
        this.known =
                blocks.stream().map(block -> new PageBitmap(block.pageCount())).toList();
        this.places = new long[0];
        if (trace.isPresent()) {
            for (int i = 0; i < trace.get().count(); i++) {
                note(trace.get().block(i), trace.get().page(i));
            }
        }
        this.before = AccessTrace.of(Arrays.copyOf(places, learnt));
    }

    private void note(int block, long page) {
        if (learnt == AccessTrace.MAX_PLACES
                || block >= known.size()
                || page >= known.get(block).pageCount()
                || known.get(block).isSet(page)) {
            return;
        }
        known.get(block).set(page);
        if (learnt == places.length) {
            places = Arrays.copyOf(places, Math.max(1024, 2 * learnt));
        }
        places[learnt++] = AccessTrace.place(block, page);
    }

    @Override
    public int count() {
        return before.count();
    }

    @Override
    public int block(int index) {
        return before.block(index);
    }

    @Override
    public long page(int index) {
        return before.page(index);
    }

    @Override
    public void asked(int block, long page) {
        note(block, page);
    }

    /** What is known now, if that is more than before. Behind the end of the migration. */
    Optional<AccessTrace> learnt() {
        return learnt == before.count() ? Optional.empty() : Optional.of(AccessTrace.of(Arrays.copyOf(places, learnt)));
    }
}
