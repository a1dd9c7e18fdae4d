// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.incoming.postcopy;

import io.godwit.engine.report.LatencyHistogram;
import io.godwit.engine.report.PostcopyStatistics;
import jdk.jfr.Category;
import jdk.jfr.DataAmount;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import jdk.jfr.Timespan;

/** JFR: one page fault of an arriving guest that took long, with where the time went. */
@Name("io.godwit.PostcopyFault")
@Label("Postcopy Fault")
@Category({"Godwit", "Postcopy"})
@Description("A page fault of a guest that arrives by postcopy, if it took a millisecond or more")
@StackTrace(false)
final class FaultEvent extends Event {
    @Label("Address")
    @Description("Where the page is in this process")
    long address;

    @Label("Thread")
    @Description("The kernel's id of the thread that waited")
    int thread;

    @Label("Request")
    @Description("From the kernel's report until the request was written")
    @Timespan(Timespan.NANOSECONDS)
    long request;

    @Label("Wire")
    @Description("From the request until the page was read")
    @Timespan(Timespan.NANOSECONDS)
    long wire;

    @Label("Place")
    @Description("From the page read until it was in place")
    @Timespan(Timespan.NANOSECONDS)
    long place;

    @Label("Whole")
    @Timespan(Timespan.NANOSECONDS)
    long whole;

    /** JFR: what postcopy did, once, at its end. */
    @Name("io.godwit.PostcopySummary")
    @Label("Postcopy Summary")
    @Category({"Godwit", "Postcopy"})
    @StackTrace(false)
    static final class Summary extends Event {
        @Label("Faults")
        long faults;

        @Label("Requests")
        long requests;

        @Label("Fault Median")
        @Timespan(Timespan.NANOSECONDS)
        long median;

        @Label("Fault 99th Percentile")
        @Timespan(Timespan.NANOSECONDS)
        long percentile99;

        @Label("Longest Fault")
        @Timespan(Timespan.NANOSECONDS)
        long longest;

        @Label("Bytes")
        @DataAmount(DataAmount.BYTES)
        long bytes;

        @Label("Recoveries")
        int recoveries;

        static void emit(PostcopyStatistics statistics) {
            LatencyHistogram.Snapshot whole = statistics.latency().whole();
            Summary summary = new Summary();
            summary.faults = whole.count();
            summary.requests = statistics.requests();
            summary.median = whole.percentileNanos(50);
            summary.percentile99 = whole.percentileNanos(99);
            summary.longest = whole.maxNanos();
            summary.bytes = statistics.transferredBytes();
            summary.recoveries = statistics.recoveries();
            summary.commit();
        }
    }

    /** Loads both events. */
    static void prepare() {
        boolean _ = new FaultEvent().isEnabled() || new Summary().isEnabled();
    }

    static void emit(long address, int thread, long seen, long requested, long read, long placed) {
        FaultEvent event = new FaultEvent();
        event.address = address;
        event.thread = thread;
        event.request = requested == 0 ? 0 : requested - seen;
        event.wire = requested == 0 ? 0 : read - requested;
        event.place = placed - read;
        event.whole = placed - seen;
        event.commit();
    }
}
