// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.checkpoint;

import jdk.jfr.Category;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import jdk.jfr.Timespan;

/** JFR: what COLO did. */
final class ColoEvents {
    private ColoEvents() {}

    /** The primary's part of a checkpoint. */
    @Name("io.godwit.Checkpoint")
    @Label("Checkpoint")
    @Category({"Godwit", "COLO"})
    @StackTrace(false)
    static final class Made extends Event {
        @Label("Pause")
        @Timespan(Timespan.NANOSECONDS)
        long pause;

        @Label("Until vCPUs Stood")
        @Timespan(Timespan.NANOSECONDS)
        long stop;

        @Label("Until All Was Written")
        @Timespan(Timespan.NANOSECONDS)
        long send;

        @Label("Until The Secondary Had It")
        @Timespan(Timespan.NANOSECONDS)
        long answer;

        @Label("Held Outputs")
        long heldOutputs;
    }

    /** The secondary's part. */
    @Name("io.godwit.CheckpointLoaded")
    @Label("Checkpoint Loaded")
    @Category({"Godwit", "COLO"})
    @StackTrace(false)
    static final class Loaded extends Event {
        @Label("Pause")
        @Timespan(Timespan.NANOSECONDS)
        long pause;

        @Label("Flush")
        @Timespan(Timespan.NANOSECONDS)
        long flush;

        @Label("Pages")
        long pages;

        @Label("Pages For Each Thread")
        String pagesByThread = "";

        @Label("Nanoseconds For Each Thread")
        String nanosByThread = "";
    }

    /** One side is lost. */
    @Name("io.godwit.Failover")
    @Label("Failover")
    @Category({"Godwit", "COLO"})
    @StackTrace(false)
    static final class Failover extends Event {
        @Label("What This Side Was")
        String mode = "";

        @Label("Reason")
        String reason = "";

        @Label("Until It Went On")
        @Timespan(Timespan.NANOSECONDS)
        long took;
    }

    /** Loads all: the first use must not fall into a pause. */
    static void prepare() {
        boolean _ = new Made().isEnabled();
        boolean _ = new Loaded().isEnabled();
        boolean _ = new Failover().isEnabled();
    }
}
