// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing.precopy;

import jdk.jfr.Category;
import jdk.jfr.Event;
import jdk.jfr.FlightRecorder;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import jdk.jfr.Timespan;

/** JFR: what {@link BackgroundSync} does, by the names of the trace events of the proposal of 2024. */
final class WatchEvents {
    private WatchEvents() {}

    @Name("io.godwit.WatcherStart")
    @Label("Watcher Start")
    @Category({"Godwit", "Precopy"})
    @StackTrace(false)
    static final class Start extends Event {
        @Label("Interval")
        @Timespan(Timespan.NANOSECONDS)
        long interval;
    }

    @Name("io.godwit.BackgroundSync")
    @Label("Background Sync")
    @Category({"Godwit", "Precopy"})
    @StackTrace(false)
    static final class Sync extends Event {
        @Label("Pass")
        int pass;

        @Label("Interval")
        @Timespan(Timespan.NANOSECONDS)
        long interval;

        @Label("Took")
        @Timespan(Timespan.NANOSECONDS)
        long took;
    }

    @Name("io.godwit.WatcherEnd")
    @Label("Watcher End")
    @Category({"Godwit", "Precopy"})
    @StackTrace(false)
    static final class End extends Event {
        @Label("Reason")
        String reason = "";

        @Label("Syncs")
        long syncs;
    }

    /**
     * Loads all if anything is recorded, so that none is loaded while somebody waits; the first one takes some tenths
     * of a second.
     */
    static void prepare() {
        boolean _ = FlightRecorder.isInitialized()
                && (new Start().isEnabled() || new Sync().isEnabled() || new End().isEnabled());
    }

    static void started(long intervalNanos) {
        if (FlightRecorder.isInitialized()) {
            Start event = new Start();
            event.interval = intervalNanos;
            event.commit();
        }
    }

    static void synced(int pass, long tookNanos, long intervalNanos) {
        if (FlightRecorder.isInitialized()) {
            Sync event = new Sync();
            event.pass = pass;
            event.took = tookNanos;
            event.interval = intervalNanos;
            event.commit();
        }
    }

    static void ended(String reason, long syncs) {
        if (FlightRecorder.isInitialized()) {
            End event = new End();
            event.reason = reason;
            event.syncs = syncs;
            event.commit();
        }
    }
}
