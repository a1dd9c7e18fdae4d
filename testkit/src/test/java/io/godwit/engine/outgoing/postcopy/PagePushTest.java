// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing.postcopy;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.engine.environment.Doorbell;
import io.godwit.engine.environment.Environment;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.memory.WantedPages;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.outgoing.plan.OutgoingPlan;
import io.godwit.engine.outgoing.plan.PostcopyProgress;
import io.godwit.engine.outgoing.precopy.PrecopyLab;
import io.godwit.engine.outgoing.wire.OutgoingWire;
import io.godwit.engine.outgoing.wire.WireMeter;
import io.godwit.engine.settings.MigrationParameters;
import io.godwit.engine.transport.AbortSignal;
import io.godwit.stream.PageRecordWriter;
import io.godwit.testkit.guest.StillGuest;
import io.godwit.testkit.wire.SwallowingChannel;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/**
 * How many pages the push sends at once. On one thread: each write takes 10 us of the test's clock, and its PING is
 * answered within.
 */
class PagePushTest {
    private static final int PAGES = 16_384;
    private static final long WRITE_NANOS = 10_000;
    private static final long CALM_NANOS = 5_000_000;

    /** A batch of the push, and when it had been sent. */
    private record Batch(long pages, long nanos) {}

    private final StillGuest guest = new StillGuest((long) PAGES * RamBlock.PAGE_BYTES, 1);
    private final PostcopyProgress postcopy = new PostcopyProgress();
    private final List<Batch> batches = new ArrayList<>();
    private Optional<PagePush> answered = Optional.empty();
    private int pongs;
    private long pushedBefore;
    private long now;
    private long askAtNanos = Long.MAX_VALUE;
    private long askedAtNanos = Long.MAX_VALUE;

    @AfterEach
    void unmap() {
        guest.close();
    }

    /** Pushes all of the guest's pages. */
    private void push() {
        MigrationParameters parameters = MigrationParameters.DEFAULTS;
        OutgoingPlan plan = PrecopyLab.plan(guest, parameters, List.of(), () -> now);
        OwedPages pages = new OwedPages(guest.ram().snapshot());
        pages.block(0).dirtyBitmap().setAll();
        Doorbell bell = Environment.SYSTEM.newDoorbell();
        try (AbortSignal abort = new AbortSignal();
                PageRequests requests =
                        new PageRequests(pages, postcopy, () -> now, bell, Optional.empty(), WantedPages.NONE);
                PagePush push = new PagePush(
                        plan,
                        pages,
                        PageSender.onMainChannel(
                                new SwallowingChannel(() -> written(requests)),
                                new PageRecordWriter(OutgoingWire.entries(
                                        guest.ram().snapshot().blocks(), true)),
                                new WireMeter(),
                                postcopy),
                        requests,
                        bell,
                        abort,
                        postcopy)) {
            answered = Optional.of(push);
            push.run();
        }
    }

    private void written(PageRequests requests) {
        now += WRITE_NANOS;
        long pushed = postcopy.statistics(0).pushedPages();
        if (pushed > pushedBefore) {
            batches.add(new Batch(pushed - pushedBefore, now - WRITE_NANOS));
            pushedBefore = pushed;
        }
        answerPing();
        if (now >= askAtNanos) {
            askAtNanos = Long.MAX_VALUE;
            askedAtNanos = now;
            requests.take(0, (PAGES - 1L) * RamBlock.PAGE_BYTES, RamBlock.PAGE_BYTES, now);
        }
    }

    /** If one is open. */
    private void answerPing() {
        try {
            answered.orElseThrow().pong(PushWindow.PING_BASE + pongs, now);
            pongs++;
        } catch (MigrationException.Protocol _) {
            // This write brought none.
        }
    }

    private List<Long> sizes(long fromNanos, long toNanos) {
        return batches.stream()
                .filter(batch -> batch.nanos() > fromNanos && batch.nanos() <= toNanos)
                .map(Batch::pages)
                .toList();
    }

    @Test
    void longRunsWhileNobodyAsksAndShortOnesForAWhileAfterARequest() {
        askAtNanos = CALM_NANOS + 300_000;
        push();
        assertThat(postcopy.statistics(0).pushedPages() + postcopy.statistics(0).requestedPages())
                .isEqualTo(PAGES);
        assertThat(sizes(0, CALM_NANOS))
                .as("nobody knows yet that it is calm")
                .isNotEmpty()
                .containsOnly(8L);
        assertThat(sizes(CALM_NANOS, askedAtNanos))
                .as("calm")
                .isNotEmpty()
                .allMatch(pages -> pages <= 64)
                .endsWith(64L);
        // One batch may have been on its way when the request came, and the first look at it comes behind that.
        List<Long> asked = sizes(askedAtNanos + WRITE_NANOS, askedAtNanos + CALM_NANOS);
        assertThat(asked).as("asked").isNotEmpty().containsOnly(8L);
        assertThat(sizes(askedAtNanos + CALM_NANOS + 3 * WRITE_NANOS, now))
                .as("calm again")
                .contains(64L);
        assertThat(postcopy.statistics(0).requestedPages()).isOne();
    }
}
