// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.waits;

import io.godwit.engine.guest.VcpuWaits;
import io.godwit.engine.report.LatencyHistogram;
import io.godwit.engine.report.WaitStatistics;
import jdk.jfr.Category;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import jdk.jfr.Timespan;

/**
 * JFR: what waited because of a migration. Apart from who counts, because the first event class takes some tenths of a
 * second to load.
 */
final class WaitEvents {
    private WaitEvents() {}

    @Name("io.godwit.VcpuWait")
    @Label("vCPU Wait")
    @Category({"Godwit", "Waits"})
    @StackTrace(false)
    static final class Vcpu extends Event {
        @Label("vCPU")
        int vcpu;

        @Label("Cause")
        String cause = "";

        @Label("Waited")
        @Timespan(Timespan.NANOSECONDS)
        long waited;
    }

    @Name("io.godwit.CommandWait")
    @Label("Command Wait")
    @Category({"Godwit", "Waits"})
    @StackTrace(false)
    static final class Command extends Event {
        @Label("Command")
        String command = "";

        @Label("Waited")
        @Timespan(Timespan.NANOSECONDS)
        long waited;
    }

    @Name("io.godwit.WaitSummary")
    @Label("Wait Summary")
    @Category({"Godwit", "Waits"})
    @StackTrace(false)
    static final class Summary extends Event {
        @Label("vCPU Waits")
        long vcpuWaits;

        @Label("Longest vCPU Wait")
        @Timespan(Timespan.NANOSECONDS)
        long longestVcpuWait;

        @Label("Longest Tracker Call")
        @Timespan(Timespan.NANOSECONDS)
        long longestTrackerCall;

        @Label("Commands")
        long commands;

        @Label("Command 99th Percentile")
        @Timespan(Timespan.NANOSECONDS)
        long commandPercentile99;

        @Label("Longest Command")
        @Timespan(Timespan.NANOSECONDS)
        long longestCommand;
    }

    /** Loads all. */
    static void prepare() {
        boolean _ = new Vcpu().isEnabled() || new Command().isEnabled() || new Summary().isEnabled();
    }

    static void vcpu(int vcpu, VcpuWaits.Cause cause, long nanos) {
        Vcpu event = new Vcpu();
        event.vcpu = vcpu;
        event.cause = cause.publicName();
        event.waited = nanos;
        event.commit();
    }

    static void command(String name, long nanos) {
        Command event = new Command();
        event.command = name;
        event.waited = nanos;
        event.commit();
    }

    static void summary(WaitStatistics waits) {
        Summary event = new Summary();
        event.vcpuWaits = waits.vcpus().stream()
                .mapToLong(LatencyHistogram.Snapshot::count)
                .sum();
        event.longestVcpuWait = waits.longestVcpuNanos();
        event.longestTrackerCall = waits.trackerCalls().maxNanos();
        event.commands = waits.commands().count();
        event.commandPercentile99 = waits.commands().percentileNanos(99);
        event.longestCommand = waits.commands().maxNanos();
        event.commit();
    }
}
