// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing.postcopy;

import io.godwit.engine.environment.Doorbell;
import io.godwit.engine.environment.Environment;
import io.godwit.engine.environment.MonotonicClock;
import io.godwit.engine.memory.PageBatch;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.outgoing.plan.OutgoingPlan;
import io.godwit.engine.outgoing.plan.PostcopyProgress;
import io.godwit.engine.outgoing.wire.RateLimit;
import io.godwit.engine.settings.MigrationParameters;
import io.godwit.engine.transport.AbortSignal;
import java.util.OptionalInt;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/**
 * Sends over one connection what the destination lacks, until nothing is left: pages that were asked for first, and
 * from there on the pages behind them; all others as the window and {@code max-postcopy-bandwidth} allow. Runs on
 * {@code mig-outgoing}.
 */
final class PagePush implements AutoCloseable {
    /**
     * Pages in one system call: while it lasts, a page that was asked for on the same channel waits, there and here.
     */
    private static final int BATCH_PAGES = 8;

    /** The same while nobody asks: fewer system calls, at the price of some 50 us for the first who asks again. */
    private static final int CALM_BATCH_PAGES = 64;

    /** So long after the last request nobody is thought to ask. */
    private static final long CALM_NANOS = 5_000_000;

    /** How soon a change of {@code max-postcopy-bandwidth} and an aborted wire are seen while nothing can be sent. */
    private static final long LOOK_UP_NANOS = 20_000_000;

    private final OwedPages pages;
    private final PageSender sender;
    private final PushWindow window = new PushWindow();
    private final Doorbell bell;
    private final PageRequests requests;
    private final AbortSignal abort;
    private final PostcopyProgress progress;
    private final Supplier<MigrationParameters> parameters;
    private final Environment environment;
    private final MonotonicClock clock;
    private final PushCursor cursor;
    private final PageBatch batch;
    private final RateLimit rateLimit;
    private long rate;
    private long notBeforeNanos;
    private long askedBefore;
    private long askedNanos;

    /** A push of {@code pages}; to be made and run on the same thread, whose bell {@code bell} is. */
    PagePush(
            OutgoingPlan plan,
            OwedPages pages,
            PageSender sender,
            PageRequests requests,
            Doorbell bell,
            AbortSignal abort,
            PostcopyProgress progress) {
        this.pages = pages;
        this.sender = sender;
        this.requests = requests;
        this.bell = bell;
        this.abort = abort;
        this.progress = progress;
        this.parameters = plan.parameters();
        this.environment = plan.environment();
        this.clock = plan.clock();
        this.cursor = new PushCursor(pages, plan.guest().wantedPages());
        this.batch = new PageBatch(Math.max(64, pages.largestHostPage()));
        this.rateLimit = new RateLimit(clock);
        this.notBeforeNanos = clock.nanoTime();
        this.askedNanos = notBeforeNanos;
    }

    /** The answer to one of the push's PINGs has come; called by the return path's thread. */
    void pong(int value, long now) {
        window.pong(value, now);
        bell.ring();
    }

    /**
     * Sends everything that is owed.
     *
     * @throws MigrationException.Transport if the wire breaks, or the destination does not read any more
     */
    void run() {
        // WIRE: 9.2, a PING follows the package. Its answer is the first measure of the way there and back.
        sender.ping(window.nextPing(0, clock.nanoTime()));
        while (true) {
            if (!requests.queue().isEmpty()) {
                sendRequested();
            } else if (mustWait()) {
                rest(false);
            } else {
                requests.moveBehindAnswer(cursor);
                if (!cursor.next(batch, batchPages())) {
                    break;
                }
                long sent = send(cursor.block());
                progress.pushed(batch.count());
                keepRate(sent);
                // Who reads a request, or carries the answer, may be waiting for this processor.
                environment.giveWay();
            }
        }
        while (requests.isAnswering()) {
            awaitBell(TimeUnit.MICROSECONDS.toNanos(50));
        }
    }

    /** Makes sure that the destination has read all; errors as for {@link #run}. */
    void awaitArrival() {
        sender.ping(window.nextPing(0, clock.nanoTime()));
        while (!window.isQuiet()) {
            rest(true);
        }
    }

    /** Says that this is the end. */
    void end() {
        sender.end();
    }

    private void sendRequested() {
        PageQueue queue = requests.queue();
        int block = queue.block();
        long page = queue.page();
        long readNanos = queue.readNanos();
        queue.drop();
        int count = pages.pagesPerHostPage(block);
        if (pages.claim(block, page)) {
            batch.hold(page, count);
            long _ = send(block);
            requests.answered(readNanos, count);
            cursor.moveTo(block, page + count);
        }
    }

    private int batchPages() {
        long asked = requests.count();
        long now = clock.nanoTime();
        if (asked != askedBefore) {
            askedBefore = asked;
            askedNanos = now;
        }
        if (now - askedNanos < CALM_NANOS) {
            return BATCH_PAGES;
        }
        // On a slow wire a long batch would fill the window by itself, and a request would wait behind it.
        long fits = window.windowBytes() / 2 / RamBlock.PAGE_BYTES;
        return Math.clamp(fits, BATCH_PAGES, CALM_BATCH_PAGES);
    }

    private long send(int block) {
        long expected = PageSender.wireBytes(batch.count());
        OptionalInt ping = window.isPingDue(expected)
                ? OptionalInt.of(window.nextPing(expected, clock.nanoTime()))
                : OptionalInt.empty();
        long bytes = sender.send(block, pages.block(block), batch, ping);
        // Accounted as if no page were zero, so that a PING's position never lies behind what was accounted.
        window.sent(expected);
        return bytes;
    }

    private void keepRate(long sentBytes) {
        rate = parameters.get().maxPostcopyBandwidthBytesPerSecond();
        notBeforeNanos = clock.nanoTime() + rateLimit.sent(sentBytes, rate);
    }

    private boolean mustWait() {
        return !window.isOpen() || isTooEarly();
    }

    private boolean isTooEarly() {
        return clock.nanoTime() - notBeforeNanos < 0 && parameters.get().maxPostcopyBandwidthBytesPerSecond() == rate;
    }

    /** Sleeps until there may be something to do; a destination that has not read for too long is given up. */
    private void rest(boolean forAnswers) {
        long now = clock.nanoTime();
        long patienceMillis = parameters.get().connectTimeoutMillis();
        if (window.silentNanos(now) > TimeUnit.MILLISECONDS.toNanos(patienceMillis)) {
            throw new MigrationException.Transport(
                    "the destination did not answer a PING within " + patienceMillis + " ms");
        }
        bell.prepare();
        // Looked at once more, because what came before prepare() rang no bell.
        boolean stillWaiting = forAnswers ? !window.isQuiet() : requests.queue().isEmpty() && mustWait();
        if (stillWaiting) {
            boolean onlyEarly = !forAnswers && window.isOpen();
            bell.sleep(onlyEarly ? Math.min(LOOK_UP_NANOS, Math.max(1, notBeforeNanos - now)) : LOOK_UP_NANOS);
        }
        bell.done();
        checkAbort();
    }

    private void awaitBell(long nanos) {
        bell.prepare();
        bell.sleep(nanos);
        bell.done();
        checkAbort();
    }

    private void checkAbort() {
        if (abort.isRaised()) {
            throw new MigrationException.Transport(abort.reason());
        }
    }

    @Override
    public void close() {
        sender.close();
        batch.close();
    }
}
