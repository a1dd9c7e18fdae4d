// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.client;

import io.godwit.engine.report.LatencyHistogram;
import java.util.List;

/**
 * How clients got on.
 *
 * @param nanos for how long they have asked
 * @param answers that were given and right
 * @param reconnects connections that were made besides the first of each client
 * @param refusedAnswers answers of a host whose right to run is not the newest that was seen
 * @param longestGapNanos the longest time in which no client was answered
 * @param latency from the first sending of a request to its answer
 * @param findings sentences on what was lost, doubled or wrong; each ended its client
 */
public record ClientFigures(
        long nanos,
        long answers,
        long reconnects,
        long refusedAnswers,
        long longestGapNanos,
        LatencyHistogram.Snapshot latency,
        List<String> findings) {
    /** Answers a second. */
    public double answersPerSecond() {
        return nanos == 0 ? 0 : answers * 1e9 / nanos;
    }
}
