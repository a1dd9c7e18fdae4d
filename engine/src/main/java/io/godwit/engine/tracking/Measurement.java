// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.tracking;

import io.godwit.engine.tracking.DirtyRate.Figures;
import java.util.Optional;

/** One way to measure, used once. */
sealed interface Measurement permits SampledPages, TrackedPages {
    /**
     * Measures until the time is over or {@code wait} says that it is; empty if what was found by then says nothing.
     */
    Optional<Figures> run(Wait wait);

    /** Gives back what {@link #run} took of the guest, however that ended. */
    void release();

    /** Time, as a measurement sees it. */
    interface Wait {
        /** Now, in nanoseconds. */
        long nanoTime();

        /** Waits until then; false at once if the measurement is to end. */
        boolean until(long deadlineNanos);

        /** Whether the measurement is to end. */
        boolean isOver();
    }
}
