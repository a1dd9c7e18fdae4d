// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing;

import io.godwit.engine.report.LatencyHistogram;
import io.godwit.engine.report.PostcopyStatistics;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/** The figures of the source's side of postcopy as they grow, over all connections. Any thread. */
final class PostcopyProgress {
    final AtomicLong requests = new AtomicLong();
    final AtomicLong requestedPages = new AtomicLong();
    final AtomicLong pushedPages = new AtomicLong();
    final AtomicLong transferredBytes = new AtomicLong();
    final AtomicInteger recoveries = new AtomicInteger();
    final LatencyHistogram sourceLatency = new LatencyHistogram();

    /** With {@code postcopy-safe}. */
    volatile Optional<SafetySource> safety = Optional.empty();

    /** A picture of them; {@code missingPages} is what the destination lacks. */
    PostcopyStatistics statistics(long missingPages) {
        PostcopyStatistics.FaultLatency none = PostcopyStatistics.FaultLatency.NONE;
        return new PostcopyStatistics(
                requests.get(),
                requestedPages.get(),
                pushedPages.get(),
                transferredBytes.get(),
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
                safety.map(SafetySource::statistics));
    }
}
