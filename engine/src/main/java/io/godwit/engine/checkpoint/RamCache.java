// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.checkpoint;

import io.godwit.engine.environment.Environment;
import io.godwit.engine.guest.DirtyTracker;
import io.godwit.engine.memory.PagePlace;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.memory.RamBlocks;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.report.FlushStatistics;
import io.godwit.linux.NativeException;
import io.godwit.linux.memory.NativeMemory;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A second copy of a guest's RAM: what the primary has sent, while the guest here runs and writes to its own. A
 * checkpoint's pages come into it as they arrive; when the checkpoint is whole, {@link #flush} makes the guest what the
 * primary was. Until then a checkpoint that is cut changes nothing of the guest.
 *
 * <p>The order: while the guest arrives, {@link #mirror}, or {@link #fill} for one that is here already; {@link
 * #startTracking} before it runs here; for each checkpoint {@link #place}, then {@link #flush} while the guest stands
 * still. From {@link #startTracking} and each flush on, a page that neither the primary has sent nor anybody has
 * written to here is the same in both.
 *
 * <p>The list of blocks must not change as long as there is a cache; their memory stays mapped by it.
 *
 * <p>Threads: one at a time, which makes the calls in turn; a call beside a flush or a fill is refused. Others
 * ({@code mig-flush}) help with a flush and sleep in between.
 */
public final class RamCache implements SecondaryRam {
    private final List<CachedBlock> blocks;
    private final FlushCrew crew;
    private final RangesFlush ranges;
    private final RunsFlush runs;

    private Settings settings;
    private Optional<DirtyTracker> tracker = Optional.empty();

    /**
     * How a flush is done.
     *
     * @param shape how the pages are shared out
     * @param threads how many threads at most, the calling one too; 0 = as many as there are processors
     * @param fewPages a flush of fewer pages than this is the calling thread's alone
     */
    public record Settings(FlushShape shape, int threads, int fewPages) {
        /** What was fastest. A thread needs as long to wake as another one to copy some hundred pages. */
        public static final Settings DEFAULT = new Settings(FlushShape.RUNS, 0, 256);

        /** LIMIT: 64 threads. */
        public Settings {
            if (threads < 0 || threads > FlushCrew.MOST_THREADS) {
                throw new IllegalArgumentException(
                        "a flush with " + threads + " threads: 0 to " + FlushCrew.MOST_THREADS + " are possible");
            }
        }

        /** With so many threads. */
        public Settings withThreads(int count) {
            return new Settings(shape, count, fewPages);
        }

        /** With this shape. */
        public Settings withShape(FlushShape other) {
            return new Settings(other, threads, fewPages);
        }
    }

    /**
     * Makes an empty copy, all of it zero, of so much memory as the guest has.
     *
     * @throws MigrationException.Refused if this host has not enough memory; nothing was taken
     */
    public static RamCache of(RamBlocks.Snapshot ram, Environment environment, Settings settings) {
        return of(ram, environment, settings, CacheRoom.ofThisHost());
    }

    static RamCache of(RamBlocks.Snapshot ram, Environment environment, Settings settings, CacheRoom room) {
        room.refuseUnlessEnough(ram);
        List<CachedBlock> blocks = new ArrayList<>();
        try {
            for (RamBlock block : ram.blocks()) {
                blocks.add(cached(block, room));
            }
            return new RamCache(blocks, environment, settings);
        } catch (RuntimeException | Error e) {
            blocks.forEach(CachedBlock::close);
            throw e;
        }
    }

    /** Keeps its memory mapped, until its use is ended. */
    static void use(RamBlock block) {
        if (!block.beginUse()) {
            throw new MigrationException.Refused("RAM block " + block.idstr() + " was just taken away. Try again.");
        }
    }

    private static CachedBlock cached(RamBlock block, CacheRoom room) {
        use(block);
        try {
            return new CachedBlock(block, room.allocator());
        } catch (OutOfMemoryError e) {
            block.endUse();
            throw e;
        } catch (NativeException e) {
            block.endUse();
            throw new MigrationException.Refused(
                    "The second copy of RAM block %s, %d MiB, cannot be had: %s. %s says that it has %d MiB to give."
                            .formatted(
                                    block.idstr(),
                                    block.usedLength() >> 20,
                                    e.getMessage(),
                                    room.available().source(),
                                    room.available().bytes() >> 20),
                    e);
        }
    }

    private RamCache(List<CachedBlock> blocks, Environment environment, Settings settings) {
        this.blocks = List.copyOf(blocks);
        this.settings = settings;
        this.crew = new FlushCrew(environment, settings.threads());
        this.ranges = new RangesFlush(this.blocks);
        this.runs = new RunsFlush(this.blocks, environment);
    }

    /** Changes how the next flushes and fills are done; there are never more threads than at first. */
    public void use(Settings next) {
        settings = next;
    }

    /**
     * Where pages go besides the guest while it arrives: into the copy, unmarked.
     *
     * @param listed the blocks as the stream numbers them
     * @throws MigrationException.Protocol if one of them is not in the copy
     */
    @Override
    public PagePlace mirror(RamBlocks.Snapshot listed) {
        return new Place(inOrder(listed), false);
    }

    /** Where the pages of a checkpoint go: into the copy only, marked. As {@link #mirror}. */
    @Override
    public PagePlace place(RamBlocks.Snapshot listed) {
        return new Place(inOrder(listed), true);
    }

    private CachedBlock[] inOrder(RamBlocks.Snapshot listed) {
        return listed.blocks().stream()
                .map(block -> blocks.stream()
                        .filter(cached -> cached.block() == block)
                        .findFirst()
                        .orElseThrow(() -> new MigrationException.Protocol("the source sends pages of RAM block "
                                + block.idstr() + ", which came after the secondary's cache was made")))
                .toArray(CachedBlock[]::new);
    }

    private final class Place implements PagePlace {
        private final CachedBlock[] listed;
        private final boolean marked;

        Place(CachedBlock[] listed, boolean marked) {
            this.listed = listed;
            this.marked = marked;
        }

        @Override
        public void place(int blockIndex, long offset, NativeMemory content, long position) {
            crew.refuseBeside();
            CachedBlock block = listed[blockIndex];
            block.put(offset, content, position);
            if (marked) {
                block.mark(offset);
            }
        }

        @Override
        public void placeZero(int blockIndex, long offset) {
            crew.refuseBeside();
            CachedBlock block = listed[blockIndex];
            block.putZero(offset);
            if (marked) {
                block.mark(offset);
            }
        }

        @Override
        public void flush() {
            // Each page is in the copy at once.
        }
    }

    /** Makes the copy what the guest is, whose memory is all here and who stands still. */
    public FlushStatistics fill() {
        return crew.alone(() -> crew.share(new CacheFill(blocks), threadCount()));
    }

    /**
     * From here on the guest's own writes are noted: it stands still, is what the copy is, and will run. Without this a
     * flush knows only what came from the primary, and what the host has marked.
     *
     * @param noting the guest's, which nobody else uses until {@link #close}
     */
    @Override
    public void startTracking(DirtyTracker noting) {
        // Before it starts, so that it is stopped if it cannot track all of the guest.
        tracker = Optional.of(noting);
        noting.start();
        for (CachedBlock block : blocks) {
            block.dropHarvest(noting);
            block.forget();
        }
    }

    /**
     * Makes the guest what the copy is, while it stands still: copies what the primary has sent, and what was written
     * here, since the last time. Afterwards nothing is marked.
     *
     * @throws RuntimeException the tracker's: before anything was copied, or after all was
     */
    @Override
    public FlushStatistics flush() {
        return crew.alone(() -> {
            List<FlushStatistics.Part> parts;
            try {
                for (CachedBlock block : blocks) {
                    tracker.ifPresent(block::beginHarvest);
                }
                parts = crew.share(course(), threadCount());
            } finally {
                blocks.forEach(CachedBlock::endHarvest);
            }
            // Our own writes are none of the guest's.
            tracker.filter(DirtyTracker::seesHostWrites)
                    .ifPresent(all -> blocks.forEach(block -> block.dropHarvest(all)));
            for (CachedBlock block : blocks) {
                block.failure().ifPresent(failure -> {
                    throw failure;
                });
            }
            return parts;
        });
    }

    /** It has a page for each page of the guest. */
    @Override
    public void requireWhole() {
        // Whatever comes, what was there before stays right.
    }

    private int threadCount() {
        return Math.min(FlushCrew.threads(settings.threads()), crew.count());
    }

    private FlushCourse course() {
        return switch (settings.shape()) {
            case RANGES -> ranges.begin(threadCount(), settings.fewPages());
            case RUNS -> runs.begin(threadCount(), settings.fewPages());
        };
    }

    /**
     * Drops the copy and what came into it since the last flush; the guest stays as it is, and its tracker is free
     * again. Harmless when repeated.
     */
    @Override
    public void close() {
        crew.close(() -> {
            tracker.ifPresent(DirtyTracker::stop);
            blocks.forEach(CachedBlock::close);
        });
    }
}
