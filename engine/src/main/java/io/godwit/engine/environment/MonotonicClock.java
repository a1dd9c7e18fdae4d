// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.environment;

/**
 * Where time comes from, so that a test can be its own clock. Nanoseconds from an arbitrary origin, never running
 * backwards.
 */
@FunctionalInterface
public interface MonotonicClock {
    /** The machine's clock: CLOCK_MONOTONIC, the same in all processes of a host. */
    MonotonicClock SYSTEM = System::nanoTime;

    /** Now. */
    long nanoTime();
}
