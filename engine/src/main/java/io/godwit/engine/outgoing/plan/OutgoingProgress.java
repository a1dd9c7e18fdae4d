// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing.plan;

import io.godwit.engine.checkpoint.ColoProgress;
import io.godwit.engine.report.DowntimeParts;
import io.godwit.engine.report.ThrottleStatistics;
import java.util.Optional;

/**
 * The figures of an outgoing migration as they grow. Those who act write them; only {@code OutgoingReport} reads them,
 * because nothing may be decided by a figure. Readers see each figure whole and recent, which is all that a picture of
 * something moving can promise.
 *
 * <p>Threads: {@code mig-outgoing} writes, where no other thread is named.
 */
public final class OutgoingProgress {
    public volatile int pass;

    /** Written with the lock of {@code DirtySync} held, as {@link #throttle} and {@link #foretold} are. */
    public volatile long dirtyPagesPerSecond;

    /** As measured over the last pass; 0 before the end of the first one. */
    public volatile long bandwidthBytesPerSecond;

    public volatile long setupNanos;
    public volatile long stoppedAtNanos;

    /** Since then the other side's last word is waited for. */
    public volatile long allSentAtNanos;

    public volatile long downtimeNanos;
    public volatile long downtimePages;
    public volatile DowntimeParts parts = DowntimeParts.NONE;
    public volatile ThrottleStatistics throttle = ThrottleStatistics.NONE;
    public volatile Optional<Foretold> foretold = Optional.empty();
    public volatile boolean inPostcopy;
    public volatile long packageWrittenNanos;

    /** Written by {@code mig-return-path}. */
    public volatile long devicesLoadedNanos;

    public final FreePageProgress freePages = new FreePageProgress();
    public final ColoProgress colo = new ColoProgress();
    public final PostcopyProgress postcopy = new PostcopyProgress();
}
