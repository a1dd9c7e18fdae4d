// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.incoming.postcopy;

import io.godwit.engine.environment.Environment;
import io.godwit.engine.guest.Arrival;
import io.godwit.engine.incoming.plan.IncomingPlan;
import io.godwit.engine.incoming.plan.IncomingProgress;
import io.godwit.engine.memory.PageDigests;
import io.godwit.engine.memory.PrecopyPlace;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.memory.RamBlocks;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.report.PostcopyStatistics;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.linux.memory.Support;
import io.godwit.stream.RamBlockEntry;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/**
 * What a guest that arrives by postcopy needs here from its first page to its last, over any number of connections: its
 * watched memory, the thread that hears its faults, the figures.
 *
 * <p>Threads: {@code mig-incoming}; {@link #giveUp} and {@link #statistics} any.
 */
public final class PostcopyArrival implements PrecopyPlace {
    private final Environment environment;
    private final IncomingProgress progress;
    private List<RamBlockEntry> entries;
    private final ArrivingMemory memory;
    private final FaultLog log;
    private final RequestSender requests = new RequestSender();
    private AdvisedPlacer precopy;
    private final List<PostcopyPlacer> placers = new CopyOnWriteArrayList<>();
    private final AtomicLong placedBefore = new AtomicLong();
    private Optional<FaultThread> faultThread = Optional.empty();
    private final AtomicInteger recoveries = new AtomicInteger();
    private volatile long bytesBefore;
    private volatile boolean listening;
    private volatile boolean whole;

    /**
     * Empties the guest's memory and watches it.
     *
     * @throws MigrationException.Protocol if page sizes differ
     * @throws MigrationException.Refused if this host cannot do it
     */
    public PostcopyArrival(IncomingPlan plan, List<RamBlockEntry> entries, IncomingProgress progress) {
        Arrival guest = plan.guest();
        this.environment = plan.environment();
        this.progress = progress;
        this.entries = List.copyOf(entries);
        refuseOtherPages(guest.ram().snapshot(), entries);
        memory = ArrivingMemory.prepare(
                guest.ram().snapshot(), names(entries), guest.missingPages(), plan.withDigests());
        log = new FaultLog(new PageWaits(guest.vcpus()), environment.clock());
        precopy = new AdvisedPlacer(memory);
    }

    /** Says whether postcopy to here can work at all. */
    public static void refuseUnsupported(Arrival guest) {
        if (guest.missingPages().support(guest.ram().snapshot().blocks()) instanceof Support.Missing(String sentence)) {
            throw new MigrationException.Refused("This host cannot take a guest in by postcopy: " + sentence + ".");
        }
    }

    /** Says whether postcopy from this source to here can work, before any page comes. */
    public static void refuseUnsupported(Arrival guest, long pageSizeSummary) {
        refuseUnsupported(guest);
        List<RamBlock> blocks = guest.ram().snapshot().blocks();
        long ours = pageSizes(blocks);
        // Memory that the source's guest was given later is made here by its list, in ordinary pages.
        long withPlugged = guest.ramPlug().isPresent() ? ours | RamBlock.PAGE_BYTES : ours;
        if (!blocks.isEmpty() && ours != pageSizeSummary && withPlugged != pageSizeSummary) {
            throw new MigrationException.Protocol("the pages behind the guest's memory have other sizes at the source"
                    + " (0x" + Long.toHexString(pageSizeSummary) + ") than here (0x" + Long.toHexString(ours)
                    + "); postcopy needs the same");
        }
    }

    @Override
    public void forgetAllBut(List<RamBlockEntry> next) {
        memory.forgetAllBut(names(next));
    }

    @Override
    public void follow(RamBlocks.Snapshot ram, List<RamBlockEntry> next) {
        refuseOtherPages(ram, next);
        memory.follow(ram, names(next));
        entries = List.copyOf(next);
        precopy.close();
        precopy = new AdvisedPlacer(memory);
    }

    private static List<String> names(List<RamBlockEntry> entries) {
        return entries.stream().map(RamBlockEntry::idstr).toList();
    }

    /** The ORed page sizes of the blocks, as POSTCOPY_ADVISE announces them. */
    private static long pageSizes(List<RamBlock> blocks) {
        long summary = 0;
        for (RamBlock block : blocks) {
            summary |= block.pageBytes();
        }
        return summary;
    }

    private static void refuseOtherPages(RamBlocks.Snapshot ram, List<RamBlockEntry> entries) {
        for (RamBlockEntry entry : entries) {
            ram.find(entry.idstr()).ifPresent(block -> refuseOtherPages(block, entry));
        }
    }

    private static void refuseOtherPages(RamBlock block, RamBlockEntry entry) {
        if (block.pageBytes() != entry.pageBytes()) {
            throw new MigrationException.Protocol("RAM block '" + block.idstr() + "' has pages of "
                    + entry.pageBytes() + " bytes at the source and of " + block.pageBytes()
                    + " here; postcopy needs the same");
        }
    }

    /** The blocks as the stream numbers them. */
    public List<RamBlockEntry> entries() {
        return entries;
    }

    public ArrivingMemory memory() {
        return memory;
    }

    public RequestSender requests() {
        return requests;
    }

    /** Places a page until {@link #listen}; then {@link #newPushPlacer} and {@link #newRequestPlacer} do. */
    @Override
    public void place(int blockIndex, long offset, NativeMemory content, long position) {
        precopy.place(blockIndex, offset, content, position);
    }

    @Override
    public void placeZero(int blockIndex, long offset) {
        precopy.placeZero(blockIndex, offset);
    }

    @Override
    public void flush() {
        precopy.flush();
    }

    /** From now on faults are heard; requests go where {@link #requests} is attached. */
    public void listen() {
        memory.refuseParts();
        bytesBefore = progress.transferredBytes.get();
        listening = true;
        faultThread = Optional.of(new FaultThread(memory, log, requests, environment));
    }

    /** A placer for the main channel, who closes it. */
    public PostcopyPlacer newPushPlacer() {
        return newPlacer("main channel", true);
    }

    /** A placer for a channel of requested pages, who closes it. */
    public PostcopyPlacer newRequestPlacer() {
        return newPlacer("preempt channel", false);
    }

    private PostcopyPlacer newPlacer(String channel, boolean givesWay) {
        PostcopyPlacer placer = new PostcopyPlacer(memory, log, channel, givesWay, this::keepCount, environment);
        placers.add(placer);
        return placer;
    }

    private void keepCount(PostcopyPlacer placer) {
        long _ = placedBefore.addAndGet(placer.placedPages());
        boolean _ = placers.remove(placer);
    }

    /** Asks again for all that was asked for and has not come. */
    public void repeatRequests() {
        int _ = recoveries.incrementAndGet();
        long _ = requests.repeat(memory, log, environment.clock());
    }

    /** Lets everybody go on who waits for a page, with zeros: the guest will not run here. Any thread. */
    public void giveUp() {
        memory.release();
    }

    @Override
    public long missingPages() {
        return whole ? 0 : memory.missingPages();
    }

    /** Bytes have come on a connection besides the main one. Any thread. */
    void countBytes(int bytes) {
        progress.countBytes(bytes);
    }

    /** Whether every page has come that somebody waits for. */
    public boolean nobodyWaits() {
        return log.waiting() == 0;
    }

    @Override
    public Optional<PageDigests> digests() {
        return memory.digests();
    }

    /** The figures so far, once postcopy has begun. */
    public Optional<PostcopyStatistics> statistics() {
        if (!listening) {
            return Optional.empty();
        }
        long placed = placedBefore.get();
        for (PostcopyPlacer placer : placers) {
            placed += placer.placedPages();
        }
        return Optional.of(new PostcopyStatistics(
                log.requests(),
                log.requestedPages(),
                Math.max(0, placed - log.requestedPages()),
                progress.transferredBytes.get() - bytesBefore,
                missingPages(),
                log.waiting(),
                recoveries.get(),
                log.latency(),
                log.blocktimeNanos(),
                log.vcpus()));
    }

    /** All memory is there, or reads zero: it is ordinary memory again. Channels must have ended. */
    public void finish() {
        close();
        whole = true;
        statistics().ifPresent(FlightRecording::summarize);
    }

    /** Frees everything; what has not come reads zero. Harmless when repeated. */
    @Override
    public void close() {
        faultThread.ifPresent(FaultThread::close);
        faultThread = Optional.empty();
        memory.close();
        precopy.close();
    }
}
