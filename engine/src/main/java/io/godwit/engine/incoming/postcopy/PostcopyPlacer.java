// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.incoming.postcopy;

import io.godwit.engine.environment.Environment;
import io.godwit.engine.memory.PageDigests;
import io.godwit.engine.memory.PagePlace;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.linux.memory.NativeMemory;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * Places the pages of one channel while the guest may wait for them: each host page in one step, when it is whole. What
 * is there is left alone, because the guest may have written to it.
 *
 * <p>WIRE: the target pages of a huge page come in order and together on one channel.
 */
public final class PostcopyPlacer implements PagePlace, PageRun.Sink, AutoCloseable {
    private static final int NOTHING = -1;

    private final ArrivingMemory memory;
    private final FaultLog log;
    private final Optional<PageDigests> digests;
    private final String channel;
    private final boolean givesWay;
    private final Consumer<PostcopyPlacer> ended;
    private final Environment environment;
    /** Where a huge page is collected, from the first one on; a whole one is placed from here. */
    private Optional<NativeMemory> hostPage = Optional.empty();

    private final PageRun run;
    private int openBlock = NOTHING;
    private long openHostPage;
    private long openBytes;
    private boolean openZero;
    /** Whether {@link #hostPage} is all zero. */
    private boolean clean = true;

    /** What came together with something else, before this placer was there, counts as read when it was made. */
    private long readNanos;

    private long placed;
    private volatile long placedPages;

    /**
     * Places into {@code memory}.
     *
     * @param channel names the channel in errors
     * @param givesWay whether its thread lets others have the processor after each run of pages, because most of them
     *     are such that nobody waits for
     * @param ended hears of {@link #close}
     */
    PostcopyPlacer(
            ArrivingMemory memory,
            FaultLog log,
            String channel,
            boolean givesWay,
            Consumer<PostcopyPlacer> ended,
            Environment environment) {
        this.ended = ended;
        this.environment = environment;
        this.readNanos = environment.clock().nanoTime();
        this.memory = memory;
        this.log = log;
        this.digests = memory.digests();
        this.channel = channel;
        this.givesWay = givesWay;
        this.run = new PageRun(memory, this);
    }

    /** The pages that come next were read from the wire at this time. */
    public void readAt(long nanos) {
        readNanos = nanos;
    }

    /** Target pages that this channel has brought; any thread may ask. */
    long placedPages() {
        return placedPages;
    }

    @Override
    public void place(int blockIndex, long offset, NativeMemory staging, long position) {
        ArrivingBlock block = memory.block(blockIndex);
        if (block.isHuge()) {
            long within = collect(block, offset);
            NativeMemory.copy(staging, position, hostPage(), within, RamBlock.PAGE_BYTES);
            openZero = false;
            clean = false;
            placeIfWhole(block);
            return;
        }
        long page = block.hostPageAt(offset);
        refuseBetween(block, offset);
        if (block.isReceived(page) || run.holds(block, page)) {
            memory.countDuplicate();
            return;
        }
        run.add(block, page, staging, position);
    }

    @Override
    public void placeZero(int blockIndex, long offset) {
        ArrivingBlock block = memory.block(blockIndex);
        if (block.isHuge()) {
            long within = collect(block, offset);
            if (!clean) {
                hostPage().fill(within, RamBlock.PAGE_BYTES, (byte) 0);
            }
            placeIfWhole(block);
            return;
        }
        long page = block.hostPageAt(offset);
        refuseBetween(block, offset);
        if (block.isReceived(page) || run.holds(block, page)) {
            memory.countDuplicate();
            return;
        }
        run.addZero(block, page);
    }

    @Override
    public void flush() {
        run.flush();
    }

    @Override
    public void arrived(ArrivingBlock block, long page, boolean zero, NativeMemory content, long position) {
        arrived(block, page);
        // Of a page that came twice either copy will do: the source's memory stands still.
        if (digests.isPresent()) {
            if (zero) {
                digests.get().zeroed(block.index(), page);
            } else {
                digests.get().arrived(block.index(), page, content, position);
            }
        }
    }

    @Override
    public void runArrived() {
        if (givesWay) {
            // A vCPU that has got its page, or a thread that serves its fault, may be waiting for this processor.
            environment.giveWay();
        }
    }

    private NativeMemory hostPage() {
        if (hostPage.isEmpty()) {
            hostPage = Optional.of(memory.roomForHostPage());
        }
        return hostPage.get();
    }

    /** Notes that a target page belongs to the host page that is being collected; where it goes in there. */
    private long collect(ArrivingBlock block, long offset) {
        long page = block.hostPageAt(offset);
        long within = offset & (block.hostPageBytes() - 1);
        if (openBlock == NOTHING && within == 0) {
            openBlock = block.index();
            openHostPage = page;
            openBytes = 0;
            openZero = true;
        }
        if (openBlock != block.index() || openHostPage != page || openBytes != within) {
            throw outOfOrder(block, offset);
        }
        openBytes += RamBlock.PAGE_BYTES;
        return within;
    }

    private void refuseBetween(ArrivingBlock block, long offset) {
        if (openBlock != NOTHING) {
            throw outOfOrder(block, offset);
        }
    }

    private MigrationException outOfOrder(ArrivingBlock block, long offset) {
        return new MigrationException.Protocol(
                "the page at " + offset + " of RAM block '" + block.block().idstr() + "' came on the " + channel
                        + " out of order: the parts of a huge page come together, from its beginning to its end");
    }

    private void placeIfWhole(ArrivingBlock block) {
        if (openBytes < block.hostPageBytes()) {
            return;
        }
        openBlock = NOTHING;
        if (block.isReceived(openHostPage)) {
            memory.countDuplicate();
            return;
        }
        boolean first = (openZero && memory.takesZeroPages(block))
                ? memory.fillZero(block, openHostPage)
                : memory.fill(block, openHostPage, hostPage(), 0);
        arrived(block, openHostPage);
        if (first && digests.isPresent()) {
            for (int page = 0; page < block.pagesInHostPage(); page++) {
                digests.get()
                        .arrived(
                                block.index(),
                                openHostPage * block.pagesInHostPage() + page,
                                hostPage(),
                                (long) page * RamBlock.PAGE_BYTES);
            }
        }
        runArrived();
    }

    private void arrived(ArrivingBlock block, long page) {
        block.markReceived(page);
        placed += block.pagesInHostPage();
        placedPages = placed;
        if (block.isRequested(page)) {
            log.placed(block.hostPageAddress(page), readNanos, block.pagesInHostPage());
        }
    }

    @Override
    public void close() {
        run.close();
        hostPage.ifPresent(NativeMemory::close);
        ended.accept(this);
    }
}
