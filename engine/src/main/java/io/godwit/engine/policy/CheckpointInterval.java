// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.policy;

/**
 * How long the guest may run from one checkpoint to the next: as long as is allowed, or, between two bounds, so long
 * that standing still costs it a given share of its time. Pure.
 */
public final class CheckpointInterval {
    /** A guest that stands still for a checkpoint runs at least so many times as long before the next. */
    private static final int RUN_PER_PAUSE = 20;

    /** How much of the newest pause goes into the mean, one part of so many. */
    private static final int WEIGHT = 4;

    private long meanPauseNanos;

    /** A checkpoint was made, for which the guest stood still so long. */
    public void made(long pauseNanos) {
        meanPauseNanos = meanPauseNanos == 0 ? pauseNanos : meanPauseNanos + (pauseNanos - meanPauseNanos) / WEIGHT;
    }

    /**
     * The interval that is right now, in nanoseconds.
     *
     * @param most the upper bound
     * @param least the lower bound; 0: the interval is {@code most} whatever checkpoints cost
     */
    public long nanos(long most, long least) {
        return least == 0 || least >= most ? most : Math.clamp(meanPauseNanos * RUN_PER_PAUSE, least, most);
    }
}
