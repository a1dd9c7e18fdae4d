// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing;

import io.godwit.engine.report.DowntimeParts;
import io.godwit.engine.report.ThrottleStatistics;
import java.util.Optional;

/**
 * The figures of an outgoing migration as they grow. Those who act write them; only {@link OutgoingReport} reads them,
 * because nothing may be decided by a figure. Readers see each figure whole and recent, which is all that a picture of
 * something moving can promise.
 *
 * <p>Threads: {@code mig-outgoing} writes, where no other thread is named.
 */
final class OutgoingProgress {
    volatile int pass;

    /** Written with the lock of {@link DirtySync} held, as {@link #throttle} and {@link #foretold} are. */
    volatile long dirtyPagesPerSecond;

    /** As measured over the last pass; 0 before the end of the first one. */
    volatile long bandwidthBytesPerSecond;

    volatile long setupNanos;
    volatile long stoppedAtNanos;
    volatile long downtimeNanos;
    volatile long downtimePages;
    volatile DowntimeParts parts = DowntimeParts.NONE;
    volatile ThrottleStatistics throttle = ThrottleStatistics.NONE;
    volatile Optional<Foretold> foretold = Optional.empty();
    volatile boolean inPostcopy;
    volatile long packageWrittenNanos;

    /** Written by {@code mig-return-path}. */
    volatile long devicesLoadedNanos;

    final FreePageProgress freePages = new FreePageProgress();
    final PostcopyProgress postcopy = new PostcopyProgress();
}
