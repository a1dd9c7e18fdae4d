// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.testkit.simulation;

import java.util.SplittableRandom;

/**
 * What the connections of one simulated world are like.
 *
 * @param bufferBytes what a direction takes before its reader has read
 */
record NetworkShape(int bufferBytes, long latencyNanos, long bytesPerSecond) {
    /** One that the seed chooses: from a machine's own loop to a bad line. */
    static NetworkShape choose(SplittableRandom random) {
        return new NetworkShape(
                1 << random.nextInt(12, 20), 1_000L << random.nextInt(13), 1_000_000L << random.nextInt(1, 9));
    }

    Pipe pipe(String name) {
        return new Pipe(name, bufferBytes, latencyNanos, bytesPerSecond);
    }
}
