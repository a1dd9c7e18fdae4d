// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing;

import io.godwit.engine.report.DowntimeParts;
import io.godwit.engine.report.ThrottleStatistics;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The figures of an outgoing migration as they grow. One writer, the thread {@code mig-outgoing}; readers see each
 * figure whole and recent, which is all that a picture of something moving can promise.
 */
final class OutgoingProgress {
    final AtomicInteger pass = new AtomicInteger();
    final AtomicLong transferredBytes = new AtomicLong();
    final AtomicLong normalPages = new AtomicLong();
    final AtomicLong zeroPages = new AtomicLong();
    /** Spent waiting to keep to {@code max-bandwidth}. */
    final AtomicLong pausedNanos = new AtomicLong();

    /** That were left for the second pass because the guest was seen to write them. */
    final AtomicLong hotPages = new AtomicLong();

    volatile long downtimePages;
    volatile long dirtyPagesPerSecond;
    volatile long bandwidthBytesPerSecond;
    volatile long setupNanos;
    volatile long stoppedAtNanos;
    volatile long downtimeNanos;
    volatile DowntimeParts parts = DowntimeParts.NONE;
    volatile ThrottleStatistics throttle = ThrottleStatistics.NONE;
    volatile boolean inPostcopy;
    volatile long packageWrittenNanos;
    volatile long devicesLoadedNanos;
    volatile Optional<ForecastFeed.Told> foretold = Optional.empty();
    volatile Optional<FreePageHints> freePages = Optional.empty();
    final PostcopyProgress postcopy = new PostcopyProgress();
}
