// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.checkpoint;

import io.godwit.engine.environment.Environment;
import io.godwit.engine.guest.DirtyTracker;
import io.godwit.engine.memory.PageBitmap;
import io.godwit.engine.memory.PagePlace;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.memory.RamBlocks;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.report.FlushStatistics;
import io.godwit.linux.NativeException;
import io.godwit.linux.memory.Advice;
import io.godwit.linux.memory.AvailableMemory;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.stream.WrittenPages;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.LongFunction;

/**
 * The pages of one checkpoint, until it is whole: no second copy of RAM. A page that the guest here has written, and
 * the primary has not, must come from the primary too; {@link #takeWritten} says which these are, at the begin of each
 * checkpoint.
 */
public final class RamStage implements SecondaryRam {
    /** LIMIT: so much is left to others when the checkpoint is larger than thought. */
    private static final long RESERVE_BYTES = 256L << 20;

    private static final PagePlace NOWHERE = new PagePlace() {
        @Override
        public void place(int blockIndex, long offset, NativeMemory content, long position) {}

        @Override
        public void placeZero(int blockIndex, long offset) {}

        @Override
        public void flush() {}
    };

    private final List<RamBlock> blocks;
    private final StagedPages pages;
    private final FlushCrew crew;
    /** Pages that must come before the checkpoint is whole. */
    private final List<PageBitmap> owed;

    private Optional<DirtyTracker> tracker = Optional.empty();

    /**
     * An empty one.
     *
     * @param ram the blocks, as the stream numbers them
     * @param threads how many flush at most, the calling one too; 0 = as many as there are processors
     */
    public static RamStage of(RamBlocks.Snapshot ram, Environment environment, int threads) {
        return of(ram, environment, threads, RamStage::allocate);
    }

    static RamStage of(RamBlocks.Snapshot ram, Environment environment, int threads, LongFunction<NativeMemory> from) {
        List<RamBlock> used = new ArrayList<>();
        try {
            for (RamBlock block : ram.blocks()) {
                RamCache.use(block);
                used.add(block);
            }
        } catch (MigrationException.Refused e) {
            used.forEach(RamBlock::endUse);
            throw e;
        }
        return new RamStage(ram, environment, threads, from);
    }

    private RamStage(RamBlocks.Snapshot ram, Environment environment, int threads, LongFunction<NativeMemory> from) {
        this.blocks = ram.blocks();
        this.pages = new StagedPages(ram, from);
        this.crew = new FlushCrew(environment, threads);
        this.owed =
                blocks.stream().map(block -> new PageBitmap(block.pageCount())).toList();
    }

    private static NativeMemory allocate(long bytes) {
        AvailableMemory available = AvailableMemory.now();
        if (available.bytes() < bytes + RESERVE_BYTES) {
            throw new MigrationException.Machine("%s has only %d MiB of memory left, and the checkpoint needs %d more"
                    .formatted(available.source(), available.bytes() >> 20, bytes >> 20));
        }
        try {
            NativeMemory memory = NativeMemory.mapAnonymous(bytes);
            memory.advise(0, bytes, Advice.HUGEPAGE);
            return memory;
        } catch (NativeException e) {
            throw new MigrationException.Machine(
                    "memory for the pages of a checkpoint cannot be had: " + e.getMessage(), e);
        }
    }

    /** Nothing is kept of pages that the guest has. */
    @Override
    public PagePlace mirror(RamBlocks.Snapshot listed) {
        return NOWHERE;
    }

    @Override
    public PagePlace place(RamBlocks.Snapshot listed) {
        if (!listed.blocks().equals(blocks)) {
            throw new MigrationException.Protocol("the source sends pages of other RAM blocks than it has named");
        }
        return new Place();
    }

    private final class Place implements PagePlace {
        @Override
        public void place(int blockIndex, long offset, NativeMemory content, long position) {
            crew.refuseBeside();
            pages.put(blockIndex, arrived(blockIndex, offset), content, position);
        }

        @Override
        public void placeZero(int blockIndex, long offset) {
            crew.refuseBeside();
            pages.putZero(blockIndex, arrived(blockIndex, offset));
        }

        private long arrived(int blockIndex, long offset) {
            long page = offset >>> RamBlock.PAGE_SHIFT;
            boolean _ = owed.get(blockIndex).fetchAndClearPage(page);
            return page;
        }

        @Override
        public void flush() {
            // Each page is on the stage at once.
        }
    }

    @Override
    public void startTracking(DirtyTracker noting) {
        // Before it starts, so that it is stopped if it cannot track all of the guest.
        tracker = Optional.of(noting);
        noting.start();
        dropWritten();
        blocks.forEach(block -> block.dirtyBitmap().clearAll());
    }

    private void dropWritten() {
        for (int i = 0; i < blocks.size(); i++) {
            int at = i;
            tracker.ifPresent(noting -> {
                long _ = noting.harvest(blocks.get(at), owed.get(at));
            });
            owed.get(i).clearAll();
        }
    }

    /**
     * Takes what was written here since the last checkpoint, by the guest, which stands still from now until the flush,
     * or for it. Without these pages the next checkpoint is not whole.
     *
     * @return how many words there are
     */
    public int takeWritten() {
        int words = 0;
        for (int i = 0; i < blocks.size(); i++) {
            RamBlock block = blocks.get(i);
            PageBitmap bits = owed.get(i);
            tracker.ifPresent(noting -> {
                long _ = noting.harvest(block, bits);
            });
            PageBitmap marked = block.dirtyBitmap();
            for (int word = marked.nextWord(0); word < marked.wordCount(); word = marked.nextWord(word + 1)) {
                bits.or(word, marked.fetchAndClear(word));
            }
            for (int word = bits.nextWord(0); word < bits.wordCount(); word = bits.nextWord(word + 1)) {
                words++;
            }
        }
        return words;
    }

    /** Tells what was taken. */
    public void written(WrittenPages.Listener to) {
        for (int i = 0; i < blocks.size(); i++) {
            PageBitmap bits = owed.get(i);
            for (int word = bits.nextWord(0); word < bits.wordCount(); word = bits.nextWord(word + 1)) {
                to.written(i, word, bits.peek(word));
            }
        }
    }

    @Override
    public FlushStatistics flush() {
        return crew.alone(() -> {
            requireWhole();
            List<FlushStatistics.Part> parts =
                    crew.share(new StageFlush(pages, RamCache.Settings.DEFAULT.fewPages()), crew.count());
            pages.clear();
            // Our own writes are none of the guest's.
            if (tracker.filter(DirtyTracker::seesHostWrites).isPresent()) {
                dropWritten();
            }
            return parts;
        });
    }

    @Override
    public void requireWhole() {
        for (int i = 0; i < blocks.size(); i++) {
            long missing = owed.get(i).count();
            if (missing > 0) {
                throw new MigrationException.Protocol(missing + " pages of RAM block '"
                        + blocks.get(i).idstr() + "' that this guest has written are not in the checkpoint");
            }
        }
    }

    /** How much memory is taken for pages. */
    public long heldBytes() {
        return pages.heldBytes();
    }

    @Override
    public void close() {
        crew.close(() -> {
            tracker.ifPresent(DirtyTracker::stop);
            pages.free();
            blocks.forEach(RamBlock::endUse);
        });
    }
}
