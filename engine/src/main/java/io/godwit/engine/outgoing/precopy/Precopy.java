// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing.precopy;

import io.godwit.engine.environment.Environment;
import io.godwit.engine.environment.MonotonicClock;
import io.godwit.engine.memory.PageBatch;
import io.godwit.engine.memory.PageBitmap;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.outgoing.plan.OutgoingPlan;
import io.godwit.engine.outgoing.plan.OutgoingProgress;
import io.godwit.engine.outgoing.wire.AnnouncedRam;
import io.godwit.engine.outgoing.wire.OutgoingWire;
import io.godwit.engine.outgoing.wire.RamSender;
import io.godwit.engine.outgoing.wire.RateLimit;
import io.godwit.engine.outgoing.wire.WireMeter;
import io.godwit.engine.policy.Convergence;
import io.godwit.engine.policy.FirstPassLooks;
import io.godwit.engine.report.MigrationListener;
import io.godwit.engine.settings.Capability;
import io.godwit.engine.settings.MigrationParameters;
import io.godwit.stream.PageRecordWriter;
import io.godwit.stream.RamBlockEntry;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;

/**
 * The passes: each walks the dirty bitmap once and sends what it finds, then asks the tracker what was written
 * meanwhile. Runs on {@code mig-outgoing} while the guest runs. Holds no lock at all while it tests, copies or sends
 * pages.
 */
public final class Precopy implements AutoCloseable {
    /** LIMIT: a pass this small says nothing about the speed of the wire. */
    private static final long BANDWIDTH_SAMPLE_BYTES = 1 << 20;

    /** How soon a change of {@code max-bandwidth} is seen. */
    private static final long LOOK_UP_NANOS = 50_000_000;

    private static final String STOPPING =
            "Memory can neither be added nor taken away now: the guest is being handed over to the"
                    + " destination of its migration. When that has ended, query-migrate says which of the two hosts "
                    + "has it.";

    private final AnnouncedRam ram;
    private final OutgoingWire wire;
    private final DirtySync sync;
    private final RamSender sender;
    private final OutgoingProgress progress;
    private final WireMeter meter;
    private final Runnable arrival;
    private final Supplier<MigrationParameters> parameters;
    private final Environment environment;
    private final MonotonicClock clock;
    private final List<MigrationListener> listeners;
    private final PageBatch batch = new PageBatch(RamSender.BATCH_PAGES);
    private final Convergence convergence = new Convergence();
    private final RateLimit rateLimit;
    private final PostcopyTrigger trigger;
    private final boolean forPostcopy;

    /** In the first pass. */
    private Optional<HotPages> hot = Optional.empty();

    private int passes;
    private long bandwidthBytesPerSecond;
    private long firstPassNanos;
    private long nextLookNanos;
    private long foretoldRate;
    private Optional<BackgroundSync> watch = Optional.empty();
    private final Optional<FreePageHints> freePages;

    /**
     * Passes over {@code ram}.
     *
     * @param trigger ends the passes for postcopy
     * @param freePages asks the guest what need not be sent
     * @param arrival waits until the destination has taken in all that was sent
     */
    public Precopy(
            OutgoingPlan plan,
            AnnouncedRam ram,
            OutgoingWire wire,
            RamSender sender,
            OutgoingProgress progress,
            WireMeter meter,
            PostcopyTrigger trigger,
            Optional<FreePageHints> freePages,
            Runnable arrival) {
        this.ram = ram;
        this.wire = wire;
        this.sync = new DirtySync(plan, ram.snapshot(), progress, meter, freePages, trigger);
        this.sender = sender;
        this.progress = progress;
        this.meter = meter;
        this.arrival = arrival;
        this.trigger = trigger;
        this.forPostcopy = plan.capabilities().contains(Capability.POSTCOPY_RAM);
        this.freePages = freePages;
        this.parameters = plan.parameters();
        this.environment = plan.environment();
        this.clock = plan.clock();
        this.listeners = plan.listeners();
        this.rateLimit = new RateLimit(clock);
    }

    /**
     * Marks every page as to be sent and begins to track.
     *
     * @param holes whether the destination takes a guest of which free pages are left out
     */
    public void begin(boolean holes) {
        sync.begin();
        if (holes) {
            freePages.ifPresent(FreePageHints::open);
        }
        if (sync.throttles()) {
            watch = Optional.of(new BackgroundSync(sync, environment));
        }
        announcePass();
    }

    /**
     * Walks until the rest is small enough to stop the guest for it, or postcopy is to begin.
     *
     * @return whether the switch is to be one to postcopy
     */
    public boolean run() {
        trigger.begin(clock.nanoTime());
        int walked = 0;
        hot = Optional.of(new HotPages());
        firstPassNanos = clock.nanoTime();
        nextLookNanos = FirstPassLooks.FIRST_NANOS;
        foretoldRate = parameters.get().maxBandwidthBytesPerSecond();
        try {
            while (!trigger.isDue(walked, clock.nanoTime())) {
                // A block that came since the last look would have to travel with the guest stopped.
                if (walkOnce() && ram.holdIfCurrent(STOPPING)) {
                    return false;
                }
                walked++;
            }
            return true;
        } finally {
            close();
        }
    }

    /** One pass; whether the rest is small enough now. A pass that postcopy cuts short says nothing. */
    private boolean walkOnce() {
        long before = meter.bytes();
        // In this order, here and below: who asks waits for the end of a sync that runs, and a pass is never shorter
        // than its syncs.
        long syncedBefore = sync.syncNanos();
        long startNanos = clock.nanoTime();
        sendAllDirty(true);
        hot = Optional.empty();
        if (trigger.isDueWithinPass(clock.nanoTime())) {
            return false;
        }
        arrival.run();
        // What syncs within the pass took, the wire did not carry less for.
        long syncedNanos = sync.syncNanos() - syncedBefore;
        long sendingNanos = clock.nanoTime() - startNanos - syncedNanos;
        sampleBandwidth(meter.bytes() - before, sendingNanos);
        harvest();
        boolean reached = convergence.isReached(
                ram.snapshot().dirtyPageCount() * RamBlock.PAGE_BYTES,
                bandwidthBytesPerSecond,
                parameters.get().downtimeLimitMillis(),
                sync.pagesAfterPass());
        if (!reached) {
            sync.judgePass();
        }
        return reached;
    }

    /** The pass that sends everything may be long, and something is to be known of the guest before its end. */
    private void lookIntoFirstPass(HotPages written) {
        long age = clock.nanoTime() - firstPassNanos;
        if (age >= nextLookNanos) {
            nextLookNanos = FirstPassLooks.nextNanos(age, sync.look(written));
        }
    }

    private void announcePass() {
        int pass = ++passes;
        progress.pass = pass;
        watch.ifPresent(one -> one.passStarted(pass));
        MigrationListener.tell(listeners, l -> l.passStarted(pass));
    }

    /** Asks the tracker what was written since the last time: the next pass has something to walk. */
    public void harvest() {
        harvestQuietly();
        announcePass();
    }

    /** The same without calling it the start of a pass. */
    public void harvestQuietly() {
        sync.sync();
    }

    /**
     * Nobody synchronises in the background any more, and the guest has all of its time again. Harmless when repeated.
     */
    @Override
    public void close() {
        watch.ifPresent(BackgroundSync::close);
        watch = Optional.empty();
        sync.release();
        batch.close();
    }

    /**
     * Sends every page whose bit is set, once; in the order of the blocks.
     *
     * @param limited whether this is a pass: it keeps to {@code max-bandwidth}, and ends early if postcopy is to begin
     */
    public void sendAllDirty(boolean limited) {
        Set<RamBlock> walked = new HashSet<>();
        Optional<RamBlock> next = firstBut(walked);
        while (next.isPresent()) {
            walk(next.get(), limited);
            boolean _ = walked.add(next.get());
            next = firstBut(walked);
        }
        sender.endOfWalk();
    }

    private Optional<RamBlock> firstBut(Set<RamBlock> walked) {
        return ram.snapshot().blocks().stream()
                .filter(block -> !walked.contains(block))
                .findFirst();
    }

    /** Sends what is dirty in one block, as long as there is such a block. */
    private void walk(RamBlock block, boolean limited) {
        int word = 0;
        while (word < block.dirtyBitmap().wordCount() && !(limited && trigger.isDueWithinPass(clock.nanoTime()))) {
            tellOfChange();
            int index = ram.snapshot().blocks().indexOf(block);
            if (index < 0 || !block.beginUse()) {
                return;
            }
            long sent = 0;
            try {
                word = fill(block, word);
                if (batch.count() > 0) {
                    noteSent(block);
                    sent = sender.send(index, block, batch);
                }
            } finally {
                block.endUse();
            }
            if (sent > 0) {
                keepToLimit(sent, limited);
            }
        }
    }

    /** The first pass leaves what it has seen written: that is the first that the second one sends. */
    private int fill(RamBlock block, int word) {
        if (hot.isEmpty()) {
            return batch.fill(block.dirtyBitmap(), word);
        }
        PageBitmap left = hot.get().of(block);
        int next = batch.fillBut(left, block.dirtyBitmap(), word);
        sync.leftHot(left.count(word, next));
        return next;
    }

    /** Tells the destination of blocks that have come and gone; where it cannot follow, none do. */
    public void tellOfChange() {
        if (!ram.isOutdated()) {
            return;
        }
        sender.endOfWalk();
        AnnouncedRam.Change change = ram.change();
        for (List<RamBlock> list : change.lists()) {
            List<RamBlockEntry> entries = OutgoingWire.entries(list, forPostcopy);
            wire.changeRam(entries);
            sender.number(new PageRecordWriter(entries));
        }
        sync.changeTo(change.next());
        ram.announced(change.next());
    }

    /**
     * A page that is sent after all is not left out, whether a sync in the background has said so or one behind the
     * pass.
     */
    private void noteSent(RamBlock block) {
        if (freePages.isPresent()) {
            for (int i = 0; i < batch.count(); i++) {
                boolean _ = block.withheldPages().fetchAndClearPage(batch.page(i));
            }
        }
    }

    private void keepToLimit(long sent, boolean limited) {
        long rate = limited ? parameters.get().maxBandwidthBytesPerSecond() : 0;
        if (limited && rate != foretoldRate) {
            foretoldRate = rate;
            nextLookNanos = 0;
            if (hot.isEmpty()) {
                sync.limitChanged();
            }
        }
        hot.ifPresent(this::lookIntoFirstPass);
        pause(rateLimit.sent(sent, rate), rate);
    }

    /** Waits for the rate limit, or until somebody changes it. A low limit is no reason not to look. */
    private void pause(long nanos, long rate) {
        if (nanos == 0) {
            return;
        }
        long begin = clock.nanoTime();
        long left = nanos;
        while (left > 0
                && parameters.get().maxBandwidthBytesPerSecond() == rate
                && !trigger.isDueWithinPass(clock.nanoTime())) {
            sender.pause(Math.min(left, LOOK_UP_NANOS));
            left -= LOOK_UP_NANOS;
            hot.ifPresent(this::lookIntoFirstPass);
        }
        meter.paused(clock.nanoTime() - begin);
    }

    private void sampleBandwidth(long bytes, long nanos) {
        if (bytes >= BANDWIDTH_SAMPLE_BYTES || bandwidthBytesPerSecond == 0) {
            bandwidthBytesPerSecond = (long) (bytes * 1e9 / Math.max(1, nanos));
            progress.bandwidthBytesPerSecond = bandwidthBytesPerSecond;
        }
    }
}
