// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.incoming.postcopy;

import io.godwit.engine.environment.MonotonicClock;
import io.godwit.engine.report.LatencyHistogram;
import io.godwit.engine.report.PostcopyStatistics;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The faults that wait, and how long those that have ended took. Each host page is named by its address. Times are
 * those of {@code clock}.
 *
 * <p>Threads: any. Faults take a lock, pages that nobody waits for do not come here. Nothing is allocated after the
 * constructor, but JFR events.
 */
final class FaultLog {
    /** LIMIT: one for each thread that waits; what exceeds this is served like any other and only not timed. */
    private static final int CAPACITY = 4096;

    private static final long NOT_YET = 0;

    private final MonotonicClock clock;
    private final ReentrantLock lock = new ReentrantLock();
    private final long[] pages = new long[CAPACITY];
    private final int[] threads = new int[CAPACITY];
    private final long[] seenNanos = new long[CAPACITY];
    private final long[] requestedNanos = new long[CAPACITY];
    private final PageWaits waits;
    private volatile int count;

    private final LatencyHistogram whole = new LatencyHistogram();
    private final LatencyHistogram event = new LatencyHistogram();
    private final LatencyHistogram request = new LatencyHistogram();
    private final LatencyHistogram wire = new LatencyHistogram();
    private final LatencyHistogram place = new LatencyHistogram();
    private final AtomicLong requests = new AtomicLong();
    private final AtomicLong requestedPages = new AtomicLong();

    FaultLog(PageWaits waits, MonotonicClock clock) {
        this.waits = waits;
        this.clock = clock;
        FlightRecording.prepare();
    }

    /**
     * A thread waits for a page.
     *
     * @param readNanos when the kernel's report was read
     * @param seenNanosNow when it was looked at
     */
    void faulted(long page, int thread, long readNanos, long seenNanosNow) {
        event.record(seenNanosNow - readNanos);
        lock.lock();
        try {
            int entries = count;
            for (int i = 0; i < entries; i++) {
                if (pages[i] == page && threads[i] == thread && thread != 0) {
                    // A signal made the thread try again: it has been waiting all the time.
                    return;
                }
            }
            if (entries == CAPACITY) {
                return;
            }
            pages[entries] = page;
            threads[entries] = thread;
            seenNanos[entries] = readNanos;
            requestedNanos[entries] = NOT_YET;
            count = entries + 1;
            waits.begins(thread, readNanos);
        } finally {
            lock.unlock();
        }
    }

    /** The request for a page has been written. */
    void requested(long page, long nanos) {
        long _ = requests.incrementAndGet();
        lock.lock();
        try {
            for (int i = 0; i < count; i++) {
                if (pages[i] == page && requestedNanos[i] == NOT_YET) {
                    requestedNanos[i] = nanos;
                    request.record(nanos - seenNanos[i]);
                }
            }
        } finally {
            lock.unlock();
        }
    }

    /**
     * A page that was asked for is in place, and who waited for it goes on.
     *
     * @param readNanos when it was read from the wire
     * @param targetPages how many target pages it has
     */
    void placed(long page, long readNanos, int targetPages) {
        long now = clock.nanoTime();
        long _ = requestedPages.addAndGet(targetPages);
        lock.lock();
        try {
            for (int i = count - 1; i >= 0; i--) {
                if (pages[i] == page) {
                    ended(i, readNanos, now);
                }
            }
        } finally {
            lock.unlock();
        }
    }

    private void ended(int i, long readNanos, long now) {
        long seen = seenNanos[i];
        long requested = requestedNanos[i];
        whole.record(now - seen);
        place.record(now - readNanos);
        if (requested != NOT_YET) {
            wire.record(readNanos - requested);
        }
        waits.ends(threads[i], seen, now);
        if (FlightRecording.isWanted(now - seen)) {
            FaultEvent.emit(pages[i], threads[i], seen, requested, readNanos, now);
        }
        remove(i);
    }

    /** Nobody waits for a page: it was in place before its fault was looked at. */
    void withdrawn(long page) {
        long now = clock.nanoTime();
        lock.lock();
        try {
            for (int i = count - 1; i >= 0; i--) {
                if (pages[i] == page) {
                    whole.record(now - seenNanos[i]);
                    waits.ends(threads[i], seenNanos[i], now);
                    remove(i);
                }
            }
        } finally {
            lock.unlock();
        }
    }

    private void remove(int i) {
        int last = count - 1;
        pages[i] = pages[last];
        threads[i] = threads[last];
        seenNanos[i] = seenNanos[last];
        requestedNanos[i] = requestedNanos[last];
        count = last;
    }

    /** Faults that wait for their page now. */
    int waiting() {
        return count;
    }

    /** Page requests that were written. */
    long requests() {
        return requests.get();
    }

    /** Target pages that somebody waited for. */
    long requestedPages() {
        return requestedPages.get();
    }

    /** How long faults took. */
    PostcopyStatistics.FaultLatency latency() {
        return new PostcopyStatistics.FaultLatency(
                whole.snapshot(),
                event.snapshot(),
                request.snapshot(),
                LatencyHistogram.Snapshot.EMPTY,
                wire.snapshot(),
                place.snapshot());
    }

    /** How long all vCPUs together stood still. */
    long blocktimeNanos() {
        lock.lock();
        try {
            return waits.blocktimeNanos(clock.nanoTime());
        } finally {
            lock.unlock();
        }
    }

    /** How long each vCPU waited. */
    List<PostcopyStatistics.VcpuWait> vcpus() {
        lock.lock();
        try {
            return waits.snapshot();
        } finally {
            lock.unlock();
        }
    }
}
