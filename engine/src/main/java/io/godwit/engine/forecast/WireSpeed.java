// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.forecast;

import java.util.Optional;

/** What the wire carries, from what was sent over it. One thread at a time. */
final class WireSpeed {
    /** LIMIT: less says more of buffers than of the wire. */
    private static final long LEAST_PAGES = 256;

    /** So long without pages is a wire that carries hardly any. */
    private static final long SILENCE_NANOS = 1_000_000_000;

    private static final double WEIGHT_OF_THE_LATEST = 0.5;

    /** What took less time counts less: a harvest and a way there and back are part of it. */
    private static final double FULL_WEIGHT_NANOS = 100e6;

    /** A wire that has been measured so often is known. */
    private static final int MANY = 4;

    private int times;
    private double bytesPerSecond;
    private double unlimitedBytesPerSecond;

    /**
     * So much was sent.
     *
     * @param nanos in this time
     * @param pausedNanos of it for {@code max-bandwidth}
     * @return false if that says nothing
     */
    boolean sent(long nanos, long pausedNanos, long normalPages, long zeroPages) {
        double testing = zeroPages * PassSimulator.ZERO_TEST_NANOS;
        double sending = nanos - testing;
        // Mostly zero pages, which says more of the processor than of the wire.
        boolean tooFew = testing > nanos / 2.0 || (normalPages < LEAST_PAGES && sending < SILENCE_NANOS);
        if (tooFew) {
            return false;
        }
        double bytes = Math.max(1, normalPages * PassSimulator.NORMAL_RECORD_BYTES) * 1e9;
        double weight = WEIGHT_OF_THE_LATEST * Math.min(1, nanos / FULL_WEIGHT_NANOS);
        times++;
        bytesPerSecond = mixed(bytesPerSecond, bytes / Math.max(1, sending), weight);
        // A pause is booked when it is over, so that there may be more of it than of the time.
        double unpaused = Math.max(sending / 4, sending - pausedNanos);
        unlimitedBytesPerSecond = mixed(unlimitedBytesPerSecond, bytes / Math.max(1, unpaused), weight);
        return true;
    }

    private static double mixed(double before, double latest, double weight) {
        return before == 0 ? latest : before + weight * (latest - before);
    }

    /** Another limit holds: what was measured below the old one says nothing. */
    void forget() {
        bytesPerSecond = 0;
        times = 0;
    }

    /** By what factor it may be off. */
    double uncertainty() {
        return times < MANY ? 1.35 : 1.1;
    }

    /** The link, as far as it is known. */
    Optional<Link> link(long limitBytesPerSecond) {
        if (bytesPerSecond < 1) {
            return Optional.empty();
        }
        long speed = (long) bytesPerSecond;
        long allowed = limitBytesPerSecond > 0 ? Math.max(1, Math.min(speed, limitBytesPerSecond)) : speed;
        return Optional.of(Link.of(allowed).withWire(Math.max(allowed, (long) unlimitedBytesPerSecond)));
    }
}
