// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.bucket;

import io.godwit.linux.process.BootTime;
import io.godwit.store.StoreException;
import io.godwit.store.objects.ObjectPlace;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * A lock that lasts while somebody renews it: an object that is written again and again. One that was not written for
 * its {@linkplain Terms duration} belongs to nobody: its holder has died or cannot reach the bucket. The holder knows
 * that by then, as it counts from before its last renewal, on its own clock.
 *
 * <p>Threads: {@code store-lease} renews; any may ask.
 */
final class Lease implements ObjectPlace.Hold {
    private static final System.Logger LOG = System.getLogger(Lease.class.getName());

    /**
     * How long it lasts.
     *
     * @param duration from the last renewal on
     * @param interval between renewals
     * @param margin so much earlier its holder stops
     */
    record Terms(Duration duration, Duration interval, Duration margin) {
        static final Terms USUAL = new Terms(Duration.ofSeconds(30), Duration.ofSeconds(5), Duration.ofSeconds(5));
    }

    /** Writes the object again; false if it is somebody else's now. */
    @FunctionalInterface
    interface Renewal {
        boolean renew();
    }

    private final String what;
    private final Terms terms;
    private final Renewal renewal;
    private final Runnable end;
    private final CountDownLatch closed = new CountDownLatch(1);
    private volatile long renewedNanos;
    private volatile boolean lost;

    /**
     * Keeps a lock that was just taken.
     *
     * @param takenNanos when that was begun
     * @param end removes the object
     */
    Lease(String what, Terms terms, long takenNanos, Renewal renewal, Runnable end) {
        this.what = what;
        this.terms = terms;
        this.renewal = renewal;
        this.end = end;
        renewedNanos = takenNanos;
        Thread.ofPlatform().daemon().name("store-lease").start(this::keep);
    }

    private void keep() {
        try {
            while (!lost && !closed.await(terms.interval().toNanos(), TimeUnit.NANOSECONDS)) {
                boolean _ = renew();
            }
        } catch (InterruptedException _) {
            Thread.currentThread().interrupt();
        }
    }

    /** Not while {@link #close} removes the object: it would be there again. */
    private synchronized boolean renew() {
        if (closed.getCount() == 0) {
            return false;
        }
        long begin = BootTime.nanos();
        try {
            lost = !renewal.renew();
            renewedNanos = lost ? renewedNanos : begin;
            return !lost;
        } catch (StoreException e) {
            LOG.log(System.Logger.Level.WARNING, "{0} could not be renewed: {1}", what, e.getMessage());
            return false;
        }
    }

    private boolean lasts() {
        return !lost
                && BootTime.nanos() - renewedNanos
                        < terms.duration().minus(terms.margin()).toNanos();
    }

    /**
     * Renews at once, and throws unless that has come true: nobody else has had the lock until now.
     *
     * @throws StoreException if it may be somebody else's
     */
    void confirm() {
        boolean renewed = false;
        if (lasts()) {
            renewed = renew();
        }
        require();
        if (!renewed) {
            throw new StoreException(what + " could not be confirmed. Nothing more is written. Do it again.");
        }
    }

    /**
     * Throws unless the lock is held.
     *
     * @throws StoreException if it may be somebody else's
     */
    void require() {
        if (!lasts()) {
            throw new StoreException(what + " is lost: it was not renewed for "
                    + TimeUnit.NANOSECONDS.toSeconds(BootTime.nanos() - renewedNanos)
                    + " s, or another process has taken it. Nothing more is written. Do it again.");
        }
    }

    @Override
    public synchronized void close() {
        boolean first = closed.getCount() > 0;
        closed.countDown();
        if (first && lasts()) {
            try {
                end.run();
            } catch (StoreException e) {
                LOG.log(
                        System.Logger.Level.WARNING,
                        "{0} could not be given back and lasts for {1} s more: {2}",
                        what,
                        terms.duration().toSeconds(),
                        e.getMessage());
            }
        }
    }
}
