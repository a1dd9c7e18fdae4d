// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.tracking;

import io.godwit.engine.outcome.MigrationException;
import java.util.List;

/**
 * What is to be measured.
 *
 * @param mode how
 * @param calcMillis for how long
 * @param samplePages how many pages of each GiB are looked at; 0 unless the mode is {@link DirtyRateMode#PAGE_SAMPLING}
 * @param intervalsMillis for {@link DirtyRateMode#DIRTY_BITMAP}: after which times from the beginning the pages written
 *     so far are counted besides, ascending
 */
public record DirtyRateRequest(DirtyRateMode mode, long calcMillis, long samplePages, List<Long> intervalsMillis) {
    /** What is sampled of each GiB if nobody says otherwise. */
    public static final long DEFAULT_SAMPLE_PAGES = 512;

    static final long MIN_CALC_MILLIS = 50;

    private static final long MAX_CALC_MILLIS = 60_000;
    private static final long MIN_SAMPLE_PAGES = 128;
    private static final long MAX_SAMPLE_PAGES = 16_384;
    private static final int MAX_INTERVALS = 8;

    /**
     * Checks ranges.
     *
     * @throws MigrationException.Refused with the range
     */
    public DirtyRateRequest {
        intervalsMillis = List.copyOf(intervalsMillis);
        require(
                calcMillis >= MIN_CALC_MILLIS && calcMillis <= MAX_CALC_MILLIS,
                "calc-time is " + calcMillis + " ms: must be from " + MIN_CALC_MILLIS + " to " + MAX_CALC_MILLIS);
        switch (mode) {
            case PAGE_SAMPLING ->
                require(
                        samplePages >= MIN_SAMPLE_PAGES && samplePages <= MAX_SAMPLE_PAGES,
                        "sample-pages is " + samplePages + " for each GiB: must be from " + MIN_SAMPLE_PAGES + " to "
                                + MAX_SAMPLE_PAGES);
            case DIRTY_RING, DIRTY_BITMAP ->
                require(
                        samplePages == 0,
                        "sample-pages is for the mode page-sampling; " + mode.publicName() + " looks at all pages");
        }
        require(
                intervalsMillis.isEmpty() || mode == DirtyRateMode.DIRTY_BITMAP,
                "x-intervals is for the mode dirty-bitmap, not for " + mode.publicName());
        require(
                intervalsMillis.size() <= MAX_INTERVALS,
                "x-intervals has " + intervalsMillis.size() + " values: up to " + MAX_INTERVALS + " are possible");
        long previous = 0;
        for (long interval : intervalsMillis) {
            require(
                    interval > previous && interval <= calcMillis,
                    "x-intervals has " + interval + " ms after " + previous + " ms: must ascend, from 1 to calc-time, "
                            + calcMillis);
            previous = interval;
        }
    }

    private static void require(boolean holds, String sentence) {
        if (!holds) {
            throw new MigrationException.Refused(sentence + ".");
        }
    }
}
