// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.incoming;

import io.godwit.engine.report.DowntimeParts;
import java.util.concurrent.atomic.AtomicLong;

/** The figures of an incoming migration as they grow. One writer, the thread {@code mig-incoming}. */
final class IncomingProgress {
    final AtomicLong transferredBytes = new AtomicLong();
    final AtomicLong normalPages = new AtomicLong();
    final AtomicLong zeroPages = new AtomicLong();
    volatile long firstByteNanos;
    volatile long lastByteNanos;
    volatile DowntimeParts parts = DowntimeParts.NONE;
}
