// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing.postcopy;

import io.godwit.engine.environment.Doorbell;
import io.godwit.engine.environment.MonotonicClock;
import io.godwit.engine.memory.PageBatch;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.memory.WantedPages;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.outgoing.plan.PostcopyProgress;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * Pages that the destination asks for, before everything else. With a channel of their own the thread that read the
 * request sends the page itself; without, it queues the page for the pushing thread, which looks before each batch.
 * Requests for pages that are not owed any more are ignored: they are on their way, or there. One reading thread;
 * nothing is allocated for a request.
 */
final class PageRequests implements AutoCloseable {
    /** LIMIT: QEMU and Godwit ask for one host page at a time. */
    static final long MAX_REQUEST_BYTES = 1 << 20;

    private static final long NO_PLACE = -1;
    private static final int PAGE_BITS = 44;
    private static final long PAGE_MASK = (1L << PAGE_BITS) - 1;

    private final OwedPages pages;
    private final PostcopyProgress progress;
    private final MonotonicClock clock;
    private final Doorbell pusher;
    private final PageQueue queue;
    private final Optional<PageSender> ownChannel;
    private final WantedPages wanted;
    private final PageBatch batch;
    private volatile long lastPlace = NO_PLACE;
    private volatile boolean answering;
    private volatile long count;
    private long placeTaken = NO_PLACE;

    PageRequests(
            OwedPages pages,
            PostcopyProgress progress,
            MonotonicClock clock,
            Doorbell pusher,
            Optional<PageSender> ownChannel,
            WantedPages wanted) {
        this.wanted = wanted;
        this.pages = pages;
        this.progress = progress;
        this.clock = clock;
        this.pusher = pusher;
        this.ownChannel = ownChannel;
        this.queue = new PageQueue(pages);
        this.batch = new PageBatch(Math.max(64, pages.largestHostPage()));
    }

    /**
     * Takes a request whose place has been checked: whole host pages inside the block.
     *
     * @throws MigrationException.Protocol if it asks for too much at once
     */
    void take(int blockIndex, long offset, long byteLength, long readNanos) {
        RamBlock block = pages.block(blockIndex);
        if (byteLength > Math.max(MAX_REQUEST_BYTES, block.pageBytes())) {
            throw new MigrationException.Protocol("the destination asked for " + byteLength + " bytes of RAM block '"
                    + block.idstr() + "' at once, more than " + MAX_REQUEST_BYTES);
        }
        long before = count;
        count = before + 1;
        progress.requested();
        int perHostPage = pages.pagesPerHostPage(blockIndex);
        long end = (offset + byteLength) >>> RamBlock.PAGE_SHIFT;
        for (long page = offset >>> RamBlock.PAGE_SHIFT; page < end; page += perHostPage) {
            wanted.asked(blockIndex, page);
            if (ownChannel.isPresent()) {
                answer(ownChannel.get(), blockIndex, page, perHostPage, readNanos);
            } else if (queue.put(blockIndex, page, readNanos)) {
                pusher.ring();
            }
        }
    }

    private void answer(PageSender sender, int blockIndex, long page, int perHostPage, long readNanos) {
        // ORDERING: before the bit is taken, so that who finds no bit left sees that this page is not written yet.
        answering = true;
        if (pages.claim(blockIndex, page)) {
            batch.hold(page, perHostPage);
            long _ = sender.send(blockIndex, pages.block(blockIndex), batch, OptionalInt.empty());
            answered(readNanos, perHostPage);
            lastPlace = (long) blockIndex << PAGE_BITS | (page + perHostPage);
        }
        answering = false;
    }

    /** Notes that a requested host page was written now. */
    void answered(long readNanos, int pageCount) {
        progress.answered(pageCount, clock.nanoTime() - readNanos);
    }

    /** How many have come. */
    long count() {
        return count;
    }

    /** The pages that wait for the pushing thread. */
    PageQueue queue() {
        return queue;
    }

    /** For the pushing thread: goes on behind the page that was answered last, if one was since the last call. */
    void moveBehindAnswer(PushCursor cursor) {
        long place = lastPlace;
        if (place != placeTaken) {
            placeTaken = place;
            cursor.moveTo((int) (place >>> PAGE_BITS), place & PAGE_MASK);
        }
    }

    /** Whether a page is being answered now: it was claimed, and perhaps not written yet. */
    boolean isAnswering() {
        return answering;
    }

    @Override
    public void close() {
        ownChannel.ifPresent(PageSender::close);
        batch.close();
    }
}
