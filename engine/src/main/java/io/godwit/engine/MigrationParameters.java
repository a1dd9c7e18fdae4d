// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine;

/**
 * The settings of a migration that can be changed while it runs. Names, units, ranges and defaults are QEMU's; those that start with
 * {@code x-} are Godwit's own.
 *
 * @param maxBandwidthBytesPerSecond {@code max-bandwidth}: the rate that precopy keeps to; 0 = as fast as possible; default 128 MiB/s
 * @param downtimeLimitMillis {@code downtime-limit}: the guest is stopped for the switchover when the rest is expected to take no longer
 *     than this; 0 to 2,000,000; default 300
 * @param handoverTimeoutMillis {@code x-handover-timeout}: how long the source, guest stopped and all sent, waits for the destination's
 *     answer before it asks the arbiter who owns the guest; 100 to 600,000; default 10,000
 * @param connectTimeoutMillis {@code x-connect-timeout}: how long connecting may take, and how long a peer may stay silent while the
 *     wire is blocked; 100 to 600,000; default 10,000
 * @param maxPostcopyBandwidthBytesPerSecond {@code max-postcopy-bandwidth}: the rate that the background push of postcopy keeps to; pages
 *     that were asked for are sent at once; 0 = as fast as possible, the default
 * @param postcopyStartTimeMillis {@code postcopy-start-time}: precopy that has lasted so long becomes postcopy by itself, given {@code
 *     postcopy-ram}; 0 = never, the default
 * @param postcopyAfterPasses {@code postcopy-after-passes}: precopy becomes postcopy by itself after so many passes, given {@code
 *     postcopy-ram}; 0 = never, the default
 * @param safeEpochMillis {@code x-safe-epoch}: with {@code postcopy-safe}, the time from one epoch to the next, for which the guest's outputs
 *     wait at least; the source's holds; 1 to 60,000; default 50
 */
public record MigrationParameters(
        long maxBandwidthBytesPerSecond,
        long downtimeLimitMillis,
        long handoverTimeoutMillis,
        long connectTimeoutMillis,
        long maxPostcopyBandwidthBytesPerSecond,
        long postcopyStartTimeMillis,
        long postcopyAfterPasses,
        long safeEpochMillis) {
    /** The longest {@code x-safe-epoch}. */
    public static final int MAX_SAFE_EPOCH_MILLIS = 60_000;

    /** What holds until somebody changes it. */
    public static final MigrationParameters DEFAULTS =
            new MigrationParameters(128L << 20, 300, 10_000, 10_000, 0, 0, 0, 50);

    /** Checks the ranges. */
    public MigrationParameters {
        check("max-bandwidth", maxBandwidthBytesPerSecond, 0, Long.MAX_VALUE);
        check("downtime-limit", downtimeLimitMillis, 0, 2_000_000);
        check("x-handover-timeout", handoverTimeoutMillis, 100, 600_000);
        check("x-connect-timeout", connectTimeoutMillis, 100, 600_000);
        check("max-postcopy-bandwidth", maxPostcopyBandwidthBytesPerSecond, 0, Long.MAX_VALUE);
        check("postcopy-start-time", postcopyStartTimeMillis, 0, Integer.MAX_VALUE);
        check("postcopy-after-passes", postcopyAfterPasses, 0, Integer.MAX_VALUE);
        check("x-safe-epoch", safeEpochMillis, 1, MAX_SAFE_EPOCH_MILLIS);
    }

    /** The same with another {@code max-bandwidth}. */
    public MigrationParameters withMaxBandwidth(long bytesPerSecond) {
        return new MigrationParameters(
                bytesPerSecond,
                downtimeLimitMillis,
                handoverTimeoutMillis,
                connectTimeoutMillis,
                maxPostcopyBandwidthBytesPerSecond,
                postcopyStartTimeMillis,
                postcopyAfterPasses,
                safeEpochMillis);
    }

    /** The same with another {@code downtime-limit}. */
    public MigrationParameters withDowntimeLimit(long millis) {
        return new MigrationParameters(
                maxBandwidthBytesPerSecond,
                millis,
                handoverTimeoutMillis,
                connectTimeoutMillis,
                maxPostcopyBandwidthBytesPerSecond,
                postcopyStartTimeMillis,
                postcopyAfterPasses,
                safeEpochMillis);
    }

    /** The same with another {@code x-handover-timeout}. */
    public MigrationParameters withHandoverTimeout(long millis) {
        return new MigrationParameters(
                maxBandwidthBytesPerSecond,
                downtimeLimitMillis,
                millis,
                connectTimeoutMillis,
                maxPostcopyBandwidthBytesPerSecond,
                postcopyStartTimeMillis,
                postcopyAfterPasses,
                safeEpochMillis);
    }

    /** The same with another {@code x-connect-timeout}. */
    public MigrationParameters withConnectTimeout(long millis) {
        return new MigrationParameters(
                maxBandwidthBytesPerSecond,
                downtimeLimitMillis,
                handoverTimeoutMillis,
                millis,
                maxPostcopyBandwidthBytesPerSecond,
                postcopyStartTimeMillis,
                postcopyAfterPasses,
                safeEpochMillis);
    }

    /** The same with another {@code max-postcopy-bandwidth}. */
    public MigrationParameters withMaxPostcopyBandwidth(long bytesPerSecond) {
        return new MigrationParameters(
                maxBandwidthBytesPerSecond,
                downtimeLimitMillis,
                handoverTimeoutMillis,
                connectTimeoutMillis,
                bytesPerSecond,
                postcopyStartTimeMillis,
                postcopyAfterPasses,
                safeEpochMillis);
    }

    /** The same with another {@code postcopy-start-time}. */
    public MigrationParameters withPostcopyStartTime(long millis) {
        return new MigrationParameters(
                maxBandwidthBytesPerSecond,
                downtimeLimitMillis,
                handoverTimeoutMillis,
                connectTimeoutMillis,
                maxPostcopyBandwidthBytesPerSecond,
                millis,
                postcopyAfterPasses,
                safeEpochMillis);
    }

    /** The same with another {@code postcopy-after-passes}. */
    public MigrationParameters withPostcopyAfterPasses(long passes) {
        return new MigrationParameters(
                maxBandwidthBytesPerSecond,
                downtimeLimitMillis,
                handoverTimeoutMillis,
                connectTimeoutMillis,
                maxPostcopyBandwidthBytesPerSecond,
                postcopyStartTimeMillis,
                passes,
                safeEpochMillis);
    }

    /** The same with another {@code x-safe-epoch}. */
    public MigrationParameters withSafeEpoch(long millis) {
        return new MigrationParameters(
                maxBandwidthBytesPerSecond,
                downtimeLimitMillis,
                handoverTimeoutMillis,
                connectTimeoutMillis,
                maxPostcopyBandwidthBytesPerSecond,
                postcopyStartTimeMillis,
                postcopyAfterPasses,
                millis);
    }

    private static void check(String name, long value, long min, long max) {
        if (value < min || value > max) {
            throw new IllegalArgumentException(name + " = " + value + ": must be from " + min + " to " + max);
        }
    }
}
