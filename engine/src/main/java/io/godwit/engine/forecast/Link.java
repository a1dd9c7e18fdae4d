// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.forecast;

/**
 * The way to the destination.
 *
 * @param bytesPerSecond what the migration may use: the wire's speed or {@code max-bandwidth}, whichever is less
 * @param wireBytesPerSecond what the wire carries when nothing limits, as for the rest with the guest stopped
 * @param roundTripNanos there and back
 */
public record Link(long bytesPerSecond, long wireBytesPerSecond, long roundTripNanos) {
    private static final long LOCAL_ROUND_TRIP_NANOS = 200_000;

    /** Checks ranges. */
    public Link {
        if (bytesPerSecond <= 0 || wireBytesPerSecond < bytesPerSecond || roundTripNanos < 0) {
            throw new IllegalArgumentException("a link needs a bandwidth above 0 and a wire at least as fast, not "
                    + bytesPerSecond + " and " + wireBytesPerSecond + " bytes a second; its round trip of "
                    + roundTripNanos + " ns must not be negative");
        }
    }

    /** A wire in the same building that the migration may use wholly. */
    public static Link of(long bytesPerSecond) {
        return new Link(bytesPerSecond, bytesPerSecond, LOCAL_ROUND_TRIP_NANOS);
    }

    /** The same with a wire that carries more than the migration may use. */
    public Link withWire(long wireBytesPerSecond) {
        return new Link(bytesPerSecond, wireBytesPerSecond, roundTripNanos);
    }
}
