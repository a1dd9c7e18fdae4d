// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.incoming.plan;

import io.godwit.engine.checkpoint.ColoProgress;
import io.godwit.engine.report.DowntimeParts;
import java.util.concurrent.atomic.AtomicLong;

/** The figures of an incoming migration as they grow. Bytes: any thread that takes some in; all else: mig-incoming. */
public final class IncomingProgress {
    public final AtomicLong transferredBytes = new AtomicLong();
    public final AtomicLong normalPages = new AtomicLong();
    public final AtomicLong zeroPages = new AtomicLong();
    public volatile long firstByteNanos;
    public volatile DowntimeParts parts = DowntimeParts.NONE;

    public final ColoProgress colo = new ColoProgress();

    /** Bytes have come, on whatever connection. */
    public void countBytes(int bytes) {
        long _ = transferredBytes.addAndGet(bytes);
    }
}
