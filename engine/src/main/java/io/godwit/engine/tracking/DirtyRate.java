// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.tracking;

import io.godwit.engine.memory.RamBlock;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * A picture of the latest measurement.
 *
 * @param stage how far it has come
 * @param startEpochSeconds when it began, by the wall clock; 0 if there has been none
 * @param calcMillis how long it takes, or took
 * @param samplePages what is sampled of each GiB; 0 in modes that do not sample
 * @param mode how
 */
public record DirtyRate(Stage stage, long startEpochSeconds, long calcMillis, long samplePages, DirtyRateMode mode) {
    /** Before the first measurement. */
    public static final DirtyRate NONE =
            new DirtyRate(new Stage.Unstarted(Optional.empty()), 0, 0, 0, DirtyRateMode.PAGE_SAMPLING);

    /** How far a measurement has come. */
    public sealed interface Stage {
        /** There is no result; why not, if one was asked for. */
        record Unstarted(Optional<String> reason) implements Stage {}

        /** It runs. */
        record Measuring() implements Stage {}

        /** It is done; why before its time, if so. */
        record Measured(Figures figures, Optional<String> reason) implements Stage {}
    }

    /**
     * What came of it.
     *
     * @param bytesPerSecond pages written, in bytes a second
     * @param vcpuBytesPerSecond the same for each vCPU; empty in modes that do not tell them apart
     * @param curve how many pages were written within the intervals that were asked for, as far as there was time for
     * them
     * @param zeroShare the part of the sampled pages that held nothing but zeros; empty if none was looked at
     */
    public record Figures(
            long bytesPerSecond, List<Long> vcpuBytesPerSecond, List<CurvePoint> curve, OptionalDouble zeroShare) {
        /** Immutable. */
        public Figures {
            vcpuBytesPerSecond = List.copyOf(vcpuBytesPerSecond);
            curve = List.copyOf(curve);
        }
    }

    /**
     * Pages written at least once within an interval.
     *
     * @param intervalMillis what was asked for
     * @param elapsedNanos what it came to
     * @param pages how many
     */
    public record CurvePoint(long intervalMillis, long elapsedNanos, long pages) {}

    /** So many pages in so much time, in bytes a second. */
    static long bytesPerSecond(long pages, long nanos) {
        return (long) ((double) pages * RamBlock.PAGE_BYTES * 1e9 / Math.max(1, nanos));
    }
}
