// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.report;

/**
 * What COLO did so far, as one side saw it. Immutable.
 *
 * @param mode what this side is now
 * @param lastMode what it was before protection ended
 * @param reason why protection ended
 * @param sharesToken whether both sides ask for the same token, so that the survivor goes on by itself
 * @param checkpoints checkpoints that the secondary has received whole
 * @param pages pages of 4096 bytes that these had
 * @param bytes bytes of these, devices included
 * @param pause how long this side's guest stood still for each: at the primary until it went on, at the secondary from
 *     the request to its start
 * @param stop primary: the part of it until vCPUs stood still
 * @param send primary: the part of it in which the rest and the devices were written
 * @param answer primary: the part of it in which the secondary's word was waited for
 * @param flush secondary: how long it took to make the guest's memory what the primary's is
 * @param compared primary: answers of both guests that were the same
 * @param divergences primary: answers that differed, each of which made a checkpoint
 * @param overdue primary: answers that lacked their counterpart for too long, each of which made a checkpoint
 * @param heldOutputs primary: outputs that wait now
 * @param failoverNanos from the loss of the other side until this one went on alone; 0 if it did not
 */
public record ColoStatistics(
        ColoMode mode,
        ColoMode lastMode,
        ColoExitReason reason,
        boolean sharesToken,
        long checkpoints,
        long pages,
        long bytes,
        LatencyHistogram.Snapshot pause,
        LatencyHistogram.Snapshot stop,
        LatencyHistogram.Snapshot send,
        LatencyHistogram.Snapshot answer,
        LatencyHistogram.Snapshot flush,
        long compared,
        long divergences,
        long overdue,
        long heldOutputs,
        long failoverNanos) {
    /** Of a host that has never protected a guest. */
    public static final ColoStatistics NONE = new ColoStatistics(
            ColoMode.NONE,
            ColoMode.NONE,
            ColoExitReason.NONE,
            false,
            0,
            0,
            0,
            LatencyHistogram.Snapshot.EMPTY,
            LatencyHistogram.Snapshot.EMPTY,
            LatencyHistogram.Snapshot.EMPTY,
            LatencyHistogram.Snapshot.EMPTY,
            LatencyHistogram.Snapshot.EMPTY,
            0,
            0,
            0,
            0,
            0);
}
