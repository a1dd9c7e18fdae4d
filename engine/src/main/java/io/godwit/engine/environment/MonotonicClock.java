// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.environment;

import io.godwit.linux.process.BootTime;

/**
 * Where time comes from, so that a test can be its own clock. Nanoseconds from an arbitrary origin, never running
 * backwards.
 */
@FunctionalInterface
public interface MonotonicClock {
    /** The machine's clock: CLOCK_MONOTONIC, the same in all processes of a host. */
    MonotonicClock SYSTEM = System::nanoTime;

    /** One that also counts while the machine sleeps: CLOCK_BOOTTIME. For what others count meanwhile. */
    MonotonicClock SINCE_BOOT = BootTime::nanos;

    /** Now. */
    long nanoTime();
}
