// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.control.QmpConnectionException;
import io.godwit.control.QmpException;
import io.godwit.qemu.capture.Capture;
import io.godwit.qemu.capture.CaptureException;
import io.godwit.qemu.capture.CapturePlan;
import io.godwit.qemu.capture.CaptureReport;
import io.godwit.qemu.capture.CaptureSeries;
import io.godwit.store.SnapshotName;
import io.godwit.store.Store;
import io.godwit.store.StoreException;
import io.godwit.store.care.Collector;
import io.godwit.store.objects.ObjectPlace;
import java.io.PrintWriter;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.BiConsumer;

/**
 * Captures a guest, once or again and again.
 *
 * <p>Threads: one; {@link #cancelAndWait} by a shutdown hook.
 */
final class CaptureRuns {
    private final CapturePlan plan;
    private final ObjectPlace store;
    private final PrintWriter err;
    private final BiConsumer<SnapshotName, CaptureReport> done;
    private final CountDownLatch cancelled = new CountDownLatch(1);
    private final CountDownLatch ended = new CountDownLatch(1);
    private boolean toCollect;
    private volatile Optional<Capture> current = Optional.empty();

    /** With who hears of each capture that came to its end. */
    CaptureRuns(CapturePlan plan, ObjectPlace store, PrintWriter err, BiConsumer<SnapshotName, CaptureReport> done) {
        this.plan = plan;
        this.store = store;
        this.err = err;
        this.done = done;
    }

    /** Captures it once. */
    void once(SnapshotName name) {
        try {
            capture(name);
        } finally {
            ended.countDown();
        }
    }

    private void capture(SnapshotName name) {
        Capture capture =
                new Capture(plan, name, () -> Store.openOrCreate(store).write(name), new CaptureProgress(err));
        current = Optional.of(capture);
        if (cancelled.getCount() == 0) {
            capture.cancel();
        }
        done.accept(name, capture.run());
    }

    /**
     * Captures it so often, or until {@link #cancelAndWait}. A capture that takes longer than that is followed by the
     * next one that is due.
     *
     * @return whether the last one came to its end
     */
    boolean again(CaptureSeries series, Duration every, int times) {
        try {
            long begun = System.nanoTime();
            boolean good = attempt(series);
            for (int i = 1; i < times && !waitUntil(begun, every); i++) {
                good = attempt(series);
            }
            return good;
        } finally {
            ended.countDown();
        }
    }

    private boolean attempt(CaptureSeries series) {
        try {
            capture(series.at(Instant.now()));
        } catch (CaptureException | StoreException | QmpException | QmpConnectionException e) {
            say(String.valueOf(e.getMessage()));
            return false;
        }
        removeExpired(series);
        return true;
    }

    /** Removes what the series does not keep, and frees its pages, or those that could not be freed the last time. */
    void removeExpired(CaptureSeries series) {
        try {
            Store opened = Store.open(store);
            for (SnapshotName expired : series.expired(opened.snapshots())) {
                toCollect |= remove(opened, expired);
            }
            if (toCollect) {
                Collector.Collected _ = Collector.collect(opened);
                toCollect = false;
            }
        } catch (StoreException e) {
            say("What is too old could not be removed, and will be after the next capture: " + e.getMessage());
        }
    }

    /** One that is held stays, and keeps none of the others. Returns whether it was removed. */
    private boolean remove(Store opened, SnapshotName expired) {
        try {
            opened.remove(expired);
            return true;
        } catch (StoreException e) {
            say("The snapshot " + expired + " is too old and could not be removed; the next capture tries it again: "
                    + e.getMessage());
            return false;
        }
    }

    /** Waits for the next time that is a multiple of the interval. Returns whether nobody wants any more. */
    private boolean waitUntil(long begun, Duration every) {
        long gone = System.nanoTime() - begun;
        try {
            return cancelled.await(every.toNanos() - gone % every.toNanos(), TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return true;
        }
    }

    private void say(String sentence) {
        err.println("godwit capture: " + sentence);
        err.flush();
    }

    /** The process is told to end: the source is brought to rest first. */
    void cancelAndWait() {
        cancelled.countDown();
        current.ifPresent(Capture::cancel);
        try {
            if (current.isPresent() && !ended.await(Addresses.PATIENCE.toMillis(), TimeUnit.MILLISECONDS)) {
                System.err.println("godwit: the source has not come to rest within " + Addresses.PATIENCE.toSeconds()
                        + " s; its guest goes on by itself. Ask it with query-migrate.");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
