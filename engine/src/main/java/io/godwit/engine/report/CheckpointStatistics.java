// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.report;

/**
 * What {@code postcopy-safe} did so far, as one side saw it. Immutable.
 *
 * @param epochs epochs that the source has acknowledged
 * @param lastEpoch the newest epoch that the source could go on from; 0 is the switch itself
 * @param pages pages of 4096 bytes that these epochs had
 * @param bytes bytes sent back, devices included
 * @param heldOutputs destination: outputs of the guest that wait for their epoch now
 * @param releasedOutputs destination: outputs that have waited and were let go
 * @param pause destination: how long the guest stood still for each epoch
 * @param outputDelay destination: from the end of an epoch until its outputs were let go
 * @param active whether the source could take the guest back if the destination died now
 * @param givenUp destination: why safety ended early; empty if it did not
 */
public record CheckpointStatistics(
        long epochs,
        long lastEpoch,
        long pages,
        long bytes,
        long heldOutputs,
        long releasedOutputs,
        LatencyHistogram.Snapshot pause,
        LatencyHistogram.Snapshot outputDelay,
        boolean active,
        String givenUp) {}
