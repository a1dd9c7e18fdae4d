// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.forecast;

/**
 * Throttles a simulated guest as {@code auto-converge} and {@code dirty-limit} do, whenever its dirty pages have been counted. One
 * simulation uses it.
 */
final class Governor {
    /** A guest is judged by no less than this. */
    private static final double PERIOD_NANOS = 1e9;

    private final Method method;
    private final Throttling throttling;
    private final GuestWrites writes;
    private final int vcpus;
    private double sinceNanos;
    private double dirtiedPages;
    private double sentBytes;
    private int tooMuch;
    private double taken;

    Governor(Method method, Throttling throttling, GuestWrites writes, int vcpus) {
        this.method = method;
        this.throttling = throttling;
        this.writes = writes;
        this.vcpus = vcpus;
    }

    /** What share of the guest's time is taken from it now. */
    double taken() {
        return taken;
    }

    /** How long a pass goes on before it is judged; infinite if only at its end. */
    double intervalNanos() {
        boolean early = throttling.syncIntervalNanos() > 0 && method != Method.PRECOPY;
        return early ? throttling.syncIntervalNanos() : Double.POSITIVE_INFINITY;
    }

    /** Whether it could take more than it does. */
    boolean mayTakeMore() {
        return switch (method) {
            case AUTO_CONVERGE -> taken * 100 < throttling.maximumPercent() - 0.5;
            case DIRTY_LIMIT -> taken == 0;
            case PRECOPY, POSTCOPY, PRECOPY_THEN_POSTCOPY -> false;
        };
    }

    /** Judges what was dirtied and sent since the last time. */
    void judge(double nanos, double pages, double bytes, double guestNanos) {
        sinceNanos += nanos;
        dirtiedPages += pages;
        sentBytes += bytes;
        if (sinceNanos < PERIOD_NANOS || !mayTakeMore()) {
            return;
        }
        if (dirtiedPages * PassSimulator.PAGE_BYTES * 100 > sentBytes * throttling.thresholdPercent()) {
            tooMuch++;
        }
        sinceNanos = 0;
        dirtiedPages = 0;
        sentBytes = 0;
        if (tooMuch >= 2) {
            tooMuch = 0;
            takeMore(guestNanos);
        }
    }

    private void takeMore(double guestNanos) {
        if (method == Method.AUTO_CONVERGE) {
            double percent = taken == 0 ? throttling.initialPercent() : taken * 100 + throttling.incrementPercent();
            taken = Math.min(percent, throttling.maximumPercent()) / 100;
        } else {
            taken = shareOver((double) throttling.vcpuLimitBytesPerSecond() * vcpus, guestNanos);
        }
    }

    /** What must be taken from the guest so that within a second it writes no more different pages than the limit allows. */
    private double shareOver(double bytesPerSecond, double guestNanos) {
        double allowed = bytesPerSecond / PassSimulator.PAGE_BYTES;
        double tooLittle = 0;
        double enough = throttling.maximumPercent() / 100.0;
        if (writes.uniquePages(guestNanos, guestNanos + PERIOD_NANOS) <= allowed) {
            return Double.MIN_NORMAL;
        }
        for (int i = 0; i < 30; i++) {
            double middle = (tooLittle + enough) / 2;
            if (writes.uniquePages(guestNanos, guestNanos + PERIOD_NANOS * (1 - middle)) > allowed) {
                tooLittle = middle;
            } else {
                enough = middle;
            }
        }
        return enough;
    }
}
