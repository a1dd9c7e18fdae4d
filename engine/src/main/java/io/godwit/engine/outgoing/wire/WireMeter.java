// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing.wire;

import java.util.concurrent.atomic.AtomicLong;

/**
 * Measures what one migration has put on the wire, over all of its connections. Convergence, throttling and the
 * forecast go by it, and the report shows it.
 *
 * <p>Threads: those that send write; any reads.
 */
public final class WireMeter {
    private final AtomicLong bytes = new AtomicLong();
    private final AtomicLong normalPages = new AtomicLong();
    private final AtomicLong zeroPages = new AtomicLong();
    private final AtomicLong pausedNanos = new AtomicLong();

    /** So many bytes were written. */
    public void sentBytes(long count) {
        long _ = bytes.addAndGet(count);
    }

    /** So many pages were written: with their content, and as zero. */
    public void sentPages(long normal, long zero) {
        long _ = normalPages.addAndGet(normal);
        long _ = zeroPages.addAndGet(zero);
    }

    /** So long nothing was sent, to keep to {@code max-bandwidth}. */
    public void paused(long nanos) {
        long _ = pausedNanos.addAndGet(nanos);
    }

    /** All bytes. */
    public long bytes() {
        return bytes.get();
    }

    /** Pages that went with their content. */
    public long normalPages() {
        return normalPages.get();
    }

    /** Pages that went as zero. */
    public long zeroPages() {
        return zeroPages.get();
    }

    /** Pages of both kinds. */
    public long pages() {
        return normalPages() + zeroPages();
    }

    /** Nanoseconds in which nothing was sent, to keep to {@code max-bandwidth}. */
    public long pausedNanos() {
        return pausedNanos.get();
    }
}
