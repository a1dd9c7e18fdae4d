// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing.plan;

import io.godwit.engine.report.CheckpointStatistics;
import io.godwit.engine.report.LatencyHistogram;
import io.godwit.engine.report.PostcopyStatistics;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/** The figures of the source's side of postcopy as they grow, over all connections. Any thread. */
public final class PostcopyProgress {
    private final AtomicLong requests = new AtomicLong();
    private final AtomicLong requestedPages = new AtomicLong();
    private final AtomicLong pushedPages = new AtomicLong();
    private final AtomicLong bytes = new AtomicLong();
    private final AtomicInteger recoveries = new AtomicInteger();
    private final LatencyHistogram sourceLatency = new LatencyHistogram();
    private volatile Optional<CheckpointStatistics> safety = Optional.empty();

    /** The destination has asked for pages. */
    public void requested() {
        long _ = requests.incrementAndGet();
    }

    /** So many pages that were asked for were written, so long after the request was read. */
    public void answered(int pages, long nanos) {
        sourceLatency.record(nanos);
        long _ = requestedPages.addAndGet(pages);
    }

    /** So many pages were written unasked. */
    public void pushed(int pages) {
        long _ = pushedPages.addAndGet(pages);
    }

    /** So many bytes were written. */
    public void sentBytes(long count) {
        long _ = bytes.addAndGet(count);
    }

    /** Another connection goes on where the last one broke. */
    public void recovered() {
        int _ = recoveries.incrementAndGet();
    }

    /** With {@code postcopy-safe}: how that stands. */
    public void safety(CheckpointStatistics now) {
        safety = Optional.of(now);
    }

    /** A picture of them; {@code missingPages} is what the destination lacks. */
    public PostcopyStatistics statistics(long missingPages) {
        PostcopyStatistics.FaultLatency none = PostcopyStatistics.FaultLatency.NONE;
        return new PostcopyStatistics(
                requests.get(),
                requestedPages.get(),
                pushedPages.get(),
                bytes.get(),
                missingPages,
                0,
                recoveries.get(),
                new PostcopyStatistics.FaultLatency(
                        none.whole(),
                        none.event(),
                        none.request(),
                        sourceLatency.snapshot(),
                        none.wire(),
                        none.place()),
                0,
                List.of(),
                safety);
    }
}
