// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.environment;

import java.time.Duration;

/** A thread that was started. */
public interface Worker {
    /** Waits for its end, which somebody has told it. An interrupt is kept for later. */
    void awaitEnd();

    /** The same for at most so long; whether it has ended. An interrupt ends the wait. */
    boolean awaitEnd(Duration timeout) throws InterruptedException;

    /** Whether it has yet to end. */
    boolean isAlive();
}
