// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.forecast;

/**
 * The parameters of {@code auto-converge} and {@code dirty-limit}; names and defaults are QEMU's.
 *
 * @param thresholdPercent {@code throttle-trigger-threshold}: more than this of what is sent must be dirtied meanwhile, twice in a row
 * @param initialPercent {@code cpu-throttle-initial}
 * @param incrementPercent {@code cpu-throttle-increment}
 * @param maximumPercent {@code max-cpu-throttle}
 * @param syncIntervalNanos how often a long pass is judged before its end; 0 = at ends only
 * @param vcpuLimitBytesPerSecond {@code vcpu-dirty-limit}
 */
public record Throttling(
        int thresholdPercent,
        int initialPercent,
        int incrementPercent,
        int maximumPercent,
        long syncIntervalNanos,
        long vcpuLimitBytesPerSecond) {
    private static final Throttling QEMU = new Throttling(50, 20, 10, 99, 0, 1 << 20);
    private static final Throttling GODWIT = new Throttling(50, 20, 10, 99, 5_000_000_000L, 1 << 20);

    /** Checks ranges. */
    public Throttling {
        if (initialPercent < 1 || maximumPercent > 99 || initialPercent > maximumPercent || incrementPercent < 1) {
            throw new IllegalArgumentException("throttling goes from 1 to 99 percent and upwards, not from "
                    + initialPercent + " by " + incrementPercent + " to " + maximumPercent);
        }
        if (thresholdPercent < 1 || syncIntervalNanos < 0 || vcpuLimitBytesPerSecond < 1) {
            throw new IllegalArgumentException(
                    "throttling needs a threshold of at least 1 percent, an interval and a limit"
                            + " of at least 1 byte a second, not " + thresholdPercent + ", " + syncIntervalNanos
                            + " ns and "
                            + vcpuLimitBytesPerSecond);
        }
    }

    /** What holds when nobody has set anything. */
    public static Throttling defaults(StoppingRule rule) {
        return switch (rule) {
            case GODWIT -> GODWIT;
            case QEMU -> QEMU;
        };
    }

    /** The same with another limit for {@code dirty-limit}. */
    public Throttling withVcpuLimit(long bytesPerSecond) {
        return new Throttling(
                thresholdPercent, initialPercent, incrementPercent, maximumPercent, syncIntervalNanos, bytesPerSecond);
    }
}
