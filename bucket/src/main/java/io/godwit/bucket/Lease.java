// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.bucket;

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
                renew();
            }
        } catch (InterruptedException _) {
            Thread.currentThread().interrupt();
        }
    }

    /** Not while {@link #close} removes the object: it would be there again. */
    private synchronized void renew() {
        if (closed.getCount() == 0) {
            return;
        }
        long begin = System.nanoTime();
        try {
            lost = !renewal.renew();
            renewedNanos = lost ? renewedNanos : begin;
        } catch (StoreException e) {
            LOG.log(System.Logger.Level.WARNING, "{0} could not be renewed: {1}", what, e.getMessage());
        }
    }

    private boolean lasts() {
        return !lost
                && System.nanoTime() - renewedNanos
                        < terms.duration().minus(terms.margin()).toNanos();
    }

    /**
     * Throws unless the lock is held.
     *
     * @throws StoreException if it may be somebody else's
     */
    void require() {
        if (!lasts()) {
            throw new StoreException(what + " is lost: it was not renewed for "
                    + TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - renewedNanos)
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
