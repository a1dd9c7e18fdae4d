// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.report;

/**
 * Where the pause of the guest went, in nanoseconds; 0 for what has not happened on this side.
 *
 * @param stopNanos source: from the decision until every vCPU stood still
 * @param harvestNanos source: the last look at what the guest had written
 * @param pagesNanos source: the last pages written to the wire
 * @param deviceNanos source: device state saved and written
 * @param handoverNanos source: from the last byte written until the destination's answer
 * @param loadNanos destination: from the last byte read until devices were loaded
 * @param tokenNanos destination: taking the right to run
 * @param startNanos destination: letting the vCPUs go
 */
public record DowntimeParts(
        long stopNanos,
        long harvestNanos,
        long pagesNanos,
        long deviceNanos,
        long handoverNanos,
        long loadNanos,
        long tokenNanos,
        long startNanos) {
    /** Nothing yet. */
    public static final DowntimeParts NONE = new DowntimeParts(0, 0, 0, 0, 0, 0, 0, 0);
}
