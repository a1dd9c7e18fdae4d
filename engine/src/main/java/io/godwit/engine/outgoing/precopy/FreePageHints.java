// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing.precopy;

import io.godwit.engine.environment.MonotonicClock;
import io.godwit.engine.guest.FreePageReporter;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.memory.RamBlocks;
import io.godwit.engine.outgoing.plan.FreePageProgress;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;

/**
 * Leaves out of the first pass what the guest says is free.
 *
 * <p>Why nothing is lost: hints are applied between the start of tracking and the first harvest only. A page that the
 * guest takes back is written after its hint, so the write lies with the tracker when the hint is applied, however late
 * that is, and comes with a harvest; a hint applied behind the harvest that has moved that write into the dirty bitmap
 * would undo it. So {@link #close} comes before each harvest, and when it returns no hint is being applied and none
 * will be.
 *
 * <p>The guest is hostile: a hint is checked, costs bounded work, and all of them together do, too. Who lies harms its
 * own memory only.
 *
 * <p>Threads: {@link #open}, {@link #close}, {@link #harvested} and {@link #abandon} on {@code mig-outgoing}; the sink
 * any.
 */
public final class FreePageHints implements FreePageReporter.Sink {
    /** LIMIT: 16 MiB of guest memory under the lock at once, under a microsecond. */
    private static final int WORDS_AT_ONCE = 64;

    /** LIMIT: a guest tells of each page once; one that tells more than this on top is not listened to any more. */
    private static final long SPARE_WORDS = 4L << 20;

    /** Who has said nothing for so long is not waited for: the first pass is looked into, which ends the asking. */
    static final long PATIENCE_NANOS = 500_000_000;

    /** A guest on a busy host may need longer for its first word. */
    static final long FIRST_PATIENCE_NANOS = 4 * PATIENCE_NANOS;

    private static final System.Logger LOG = System.getLogger(FreePageHints.class.getName());

    // Ends of one connection come from different processes, and a guest carries what it last saw along: no two should
    // begin alike.
    private static final AtomicInteger LAST_EPOCH = new AtomicInteger((int) System.nanoTime());

    /** The list of the first pass: in blocks that come later every page is sent. */
    private final RamBlocks.Snapshot ram;

    private final Supplier<RamBlocks.Snapshot> current;
    private final FreePageReporter reporter;
    private final MonotonicClock clock;
    private final int epoch = nextEpoch();
    private final ReentrantLock lock = new ReentrantLock();
    private final AtomicLong wordsLeft;
    private final FreePageProgress progress;
    private volatile boolean open;
    private volatile boolean told;
    private volatile long heardAtNanos;
    private boolean started;

    /** Hints of the blocks that are there now; {@code current} says at any time which there are. */
    public FreePageHints(
            Supplier<RamBlocks.Snapshot> current,
            FreePageReporter reporter,
            FreePageProgress progress,
            MonotonicClock clock) {
        this.current = current;
        this.clock = clock;
        this.ram = current.get();
        this.reporter = reporter;
        this.progress = progress;
        long words = SPARE_WORDS;
        for (RamBlock block : ram.blocks()) {
            words += 2L * block.dirtyBitmap().wordCount();
        }
        this.wordsLeft = new AtomicLong(words);
    }

    private static int nextEpoch() {
        int next = LAST_EPOCH.incrementAndGet();
        return next == 0 ? LAST_EPOCH.incrementAndGet() : next;
    }

    /** Begins to ask; every page is dirty and the tracker runs. */
    void open() {
        heardAtNanos = clock.nanoTime() + FIRST_PATIENCE_NANOS - PATIENCE_NANOS;
        open = true;
        started = true;
        progress.asked();
        try {
            reporter.start(epoch, this);
        } catch (RuntimeException | Error e) {
            // The migration needs no hints.
            LOG.log(System.Logger.Level.WARNING, "the guest could not be asked for its free pages", e);
            close();
        }
    }

    /** Whether the guest still has something to tell, as far as one can hear. */
    boolean isAsking() {
        return started && !told && clock.nanoTime() - heardAtNanos < PATIENCE_NANOS;
    }

    /** Ends asking, before a harvest. Harmless when repeated, or when nothing was begun. */
    public void close() {
        if (!started) {
            return;
        }
        // Closed before the lock is taken: who tells without end finds it closed and keeps nobody from the lock.
        open = false;
        lock.lock();
        try {
            started = false;
        } finally {
            lock.unlock();
        }
        try {
            reporter.stop();
        } catch (RuntimeException | Error e) {
            LOG.log(System.Logger.Level.WARNING, "the guest could not be told to keep its free pages", e);
        }
    }

    /** A harvest has ended: what was written since it was hinted is sent like any other page. */
    void harvested() {
        ram.blocks().forEach(RamBlock::releaseDirtyPages);
    }

    /** The guest stays here: everything is as it was. */
    public void abandon() {
        close();
        for (RamBlock block : ram.blocks()) {
            block.withheldPages().clearAll();
        }
    }

    /** Pages that are left out of the blocks that there are. */
    public long leftOut() {
        return current.get().withheldPageCount();
    }

    @Override
    public void free(int hintEpoch, RamBlock block, long firstPage, long pageCount) {
        if (!open || hintEpoch != epoch) {
            progress.dropped();
            return;
        }
        long pages = block.pageCount();
        if (!ram.blocks().contains(block)
                || pageCount <= 0
                || firstPage < 0
                || firstPage >= pages
                || pageCount > pages - firstPage) {
            progress.refused();
            return;
        }
        heardAtNanos = clock.nanoTime();
        if (apply(block, firstPage, firstPage + pageCount)) {
            progress.hinted(pageCount);
        } else {
            progress.dropped();
        }
    }

    @Override
    public void done(int hintEpoch) {
        // Nobody waits for this word; but before it no sync comes in the first pass.
        if (hintEpoch == epoch) {
            told = true;
        }
    }

    /** Returns whether all of it was applied. */
    private boolean apply(RamBlock block, long first, long behind) {
        int word = (int) (first >>> 6);
        int lastWord = (int) ((behind - 1) >>> 6);
        if (wordsLeft.addAndGet(word - lastWord - 1L) < 0) {
            wordsLeft.set(0);
            return false;
        }
        while (word <= lastWord) {
            int end = Math.min(lastWord, word + WORDS_AT_ONCE - 1);
            lock.lock();
            try {
                if (!open) {
                    return false;
                }
                for (; word <= end; word++) {
                    block.withhold(word, mask(word, first, behind));
                }
            } finally {
                lock.unlock();
            }
        }
        return true;
    }

    /** The bits of the word that belong to the pages from {@code first} to before {@code behind}. */
    private static long mask(int word, long first, long behind) {
        long base = (long) word << 6;
        long from = first > base ? -1L << first : -1L;
        long to = behind < base + 64 ? ~(-1L << behind) : -1L;
        return from & to;
    }
}
