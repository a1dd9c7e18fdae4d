// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing.plan;

import io.godwit.engine.report.FreePageStatistics;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;

/** The figures of free-page hints as they grow. Any thread. */
public final class FreePageProgress {
    private final AtomicLong hinted = new AtomicLong();
    private final AtomicLong dropped = new AtomicLong();
    private final AtomicLong refused = new AtomicLong();
    private volatile boolean asked;

    /** The guest is asked for its free pages. */
    public void asked() {
        asked = true;
    }

    /** So many pages were said to be free, and are left out. */
    public void hinted(long pages) {
        long _ = hinted.addAndGet(pages);
    }

    /** A hint came too late, or there were too many. */
    public void dropped() {
        long _ = dropped.incrementAndGet();
    }

    /** A hint named no memory of the guest. */
    public void refused() {
        long _ = refused.incrementAndGet();
    }

    /** A picture of them, if the guest was asked; {@code leftOutPages} is what is left out now. */
    public Optional<FreePageStatistics> statistics(long leftOutPages) {
        return asked
                ? Optional.of(new FreePageStatistics(hinted.get(), dropped.get(), refused.get(), leftOutPages))
                : Optional.empty();
    }
}
