// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.incoming.postcopy;

import io.godwit.engine.report.PostcopyStatistics;
import jdk.jfr.FlightRecorder;

/**
 * What JFR is told of postcopy. Apart from the events, because a process that records nothing takes some tenths of a
 * second to load its first event class, and the first fault that is worth one comes when the guest has just been let
 * run.
 */
final class FlightRecording {
    private static final long THRESHOLD_NANOS = 1_000_000;

    private FlightRecording() {}

    /** Loads the events if they are wanted, so that no fault has to wait for that. */
    static void prepare() {
        if (FlightRecorder.isInitialized()) {
            FaultEvent.prepare();
        }
    }

    /** Whether a fault that took so long is to be told. */
    static boolean isWanted(long nanos) {
        return nanos >= THRESHOLD_NANOS && FlightRecorder.isInitialized();
    }

    /** Tells what postcopy did, at its end. */
    static void summarize(PostcopyStatistics statistics) {
        if (FlightRecorder.isInitialized()) {
            FaultEvent.Summary.emit(statistics);
        }
    }
}
