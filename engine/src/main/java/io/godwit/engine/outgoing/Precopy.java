// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing;

import io.godwit.engine.MigrationListener;
import io.godwit.engine.MigrationParameters;
import io.godwit.engine.MonotonicClock;
import io.godwit.engine.guest.DirtyTracker;
import io.godwit.engine.memory.PageBatch;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.memory.RamBlocks;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * The passes: each walks the dirty bitmap once and sends what it finds, then asks the tracker what was written meanwhile. Runs on
 * {@code mig-outgoing} while the guest runs. Holds no lock at all while it tests, copies or sends pages.
 */
final class Precopy {
    /** LIMIT: a pass this small says nothing about the speed of the wire. */
    private static final long BANDWIDTH_SAMPLE_BYTES = 1 << 20;

    /** How soon a change of {@code max-bandwidth} is seen. */
    private static final long LOOK_UP_NANOS = 50_000_000;

    private final RamBlocks.Snapshot ram;
    private final DirtyTracker tracker;
    private final RamSender sender;
    private final OutgoingProgress progress;
    private final Runnable arrival;
    private final Supplier<MigrationParameters> parameters;
    private final MonotonicClock clock;
    private final List<MigrationListener> listeners;
    private final PageBatch batch = new PageBatch(RamSender.BATCH_PAGES);
    private final Convergence convergence = new Convergence();
    private final RateLimit rateLimit;
    private final PostcopyTrigger trigger;
    private final Optional<FreePageHints> freePages;
    private long harvestedAtNanos;

    /**
     * Passes over {@code ram}.
     *
     * @param trigger ends the passes for postcopy
     * @param freePages asks the guest what need not be sent
     * @param arrival waits until the destination has taken in all that was sent
     */
    Precopy(
            OutgoingMigration.Plan plan,
            RamBlocks.Snapshot ram,
            RamSender sender,
            OutgoingProgress progress,
            PostcopyTrigger trigger,
            Optional<FreePageHints> freePages,
            Runnable arrival) {
        this.ram = ram;
        this.tracker = plan.guest().dirtyTracker();
        this.sender = sender;
        this.progress = progress;
        this.arrival = arrival;
        this.trigger = trigger;
        this.freePages = freePages;
        this.parameters = plan.parameters();
        this.clock = plan.clock();
        this.listeners = plan.listeners();
        this.rateLimit = new RateLimit(clock);
    }

    /**
     * Marks every page as to be sent and begins to track.
     *
     * @param holes whether the destination takes a guest of which free pages are left out
     */
    void begin(boolean holes) {
        ram.blocks().forEach(RamBlock::beginSending);
        tracker.start();
        if (holes) {
            freePages.ifPresent(FreePageHints::open);
        }
        harvestedAtNanos = clock.nanoTime();
        announcePass();
    }

    /**
     * Walks until the rest is small enough to stop the guest for it, or postcopy is to begin.
     *
     * @return whether the switch is to be one to postcopy
     */
    boolean run() {
        trigger.begin(clock.nanoTime());
        int walked = 0;
        while (!trigger.isDue(walked, clock.nanoTime())) {
            if (walkOnce()) {
                return false;
            }
            walked++;
        }
        return true;
    }

    /** One pass; whether the rest is small enough now. A pass that postcopy cuts short says nothing. */
    private boolean walkOnce() {
        long before = progress.transferredBytes.get();
        long startNanos = clock.nanoTime();
        sendAllDirty(true);
        if (trigger.isDueWithinPass(clock.nanoTime())) {
            return false;
        }
        arrival.run();
        sampleBandwidth(progress.transferredBytes.get() - before, clock.nanoTime() - startNanos);
        harvest();
        return convergence.isReached(
                ram.dirtyPageCount() * RamBlock.PAGE_BYTES,
                progress.bandwidthBytesPerSecond,
                parameters.get().downtimeLimitMillis());
    }

    private void announcePass() {
        int pass = progress.pass.incrementAndGet();
        MigrationListener.tell(listeners, l -> l.passStarted(pass));
    }

    /** Asks the tracker what was written since the last time: the next pass has something to walk. */
    void harvest() {
        harvestQuietly();
        announcePass();
    }

    /** The same without calling it the start of a pass. */
    void harvestQuietly() {
        // First of all: a hint that is applied behind a harvest undoes what the harvest has found.
        freePages.ifPresent(FreePageHints::close);
        long pages = 0;
        for (RamBlock block : ram.blocks()) {
            pages += tracker.harvest(block);
        }
        freePages.ifPresent(FreePageHints::harvested);
        long now = clock.nanoTime();
        long elapsed = Math.max(1, now - harvestedAtNanos);
        harvestedAtNanos = now;
        progress.dirtyPagesPerSecond = (long) (pages * 1e9 / elapsed);
    }

    /**
     * Sends every page whose bit is set, once; in the order of the blocks.
     *
     * @param limited whether this is a pass: it keeps to {@code max-bandwidth}, and ends early if postcopy is to begin
     */
    void sendAllDirty(boolean limited) {
        int index = 0;
        for (RamBlock block : ram.blocks()) {
            int word = 0;
            while (word < block.dirtyBitmap().wordCount() && !(limited && trigger.isDueWithinPass(clock.nanoTime()))) {
                word = batch.fill(block.dirtyBitmap(), word);
                if (batch.count() > 0) {
                    long sent = sender.send(index, block, batch);
                    long rate = limited ? parameters.get().maxBandwidthBytesPerSecond() : 0;
                    pause(rateLimit.sent(sent, rate), rate);
                }
            }
            index++;
        }
        sender.endOfWalk();
    }

    /** Waits for the rate limit, or until somebody changes it. */
    private void pause(long nanos, long rate) {
        long left = nanos;
        while (left > 0
                && parameters.get().maxBandwidthBytesPerSecond() == rate
                && !trigger.isDueWithinPass(clock.nanoTime())) {
            sender.pause(Math.min(left, LOOK_UP_NANOS));
            left -= LOOK_UP_NANOS;
        }
    }

    private void sampleBandwidth(long bytes, long nanos) {
        if (bytes >= BANDWIDTH_SAMPLE_BYTES || progress.bandwidthBytesPerSecond == 0) {
            progress.bandwidthBytesPerSecond = (long) (bytes * 1e9 / Math.max(1, nanos));
        }
    }
}
