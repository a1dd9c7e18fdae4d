// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.waits;

import io.godwit.engine.guest.Guest;
import io.godwit.engine.guest.VcpuWaits;
import io.godwit.engine.report.LatencyHistogram;
import io.godwit.engine.report.WaitStatistics;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import jdk.jfr.FlightRecorder;

/**
 * Counts for one migration how long vCPUs and control sessions waited. A wait of a millisecond or more is told to JFR
 * at once, if anything is recorded; all of them together at the end.
 *
 * <p>Threads: any. Counting takes no lock and allocates nothing, but for an event.
 */
public final class MigrationWaits implements VcpuWaits {
    /** From here on a wait is worth an event of its own. */
    static final long LONG_NANOS = 1_000_000;

    private final List<LatencyHistogram> vcpus;
    private final LatencyHistogram trackerCalls = new LatencyHistogram();
    private final LatencyHistogram commands = new LatencyHistogram();

    /** For a guest with so many vCPUs whose waits count; 0 where they do not. */
    public MigrationWaits(int vcpuCount) {
        vcpus = Stream.generate(LatencyHistogram::new).limit(vcpuCount).toList();
    }

    /** Counts the waits of this guest from now on. */
    public void watch(Guest guest) {
        if (FlightRecorder.isInitialized()) {
            // Loaded now, so that no vCPU has to wait for that.
            WaitEvents.prepare();
        }
        guest.dirtyTracker().watchCalls(trackerCalls::record);
        guest.vcpus().watchWaits(Optional.of(this));
    }

    /** Counts them no longer, and tells JFR what came together. */
    public void end(Guest guest) {
        guest.vcpus().watchWaits(Optional.empty());
        guest.dirtyTracker().watchCalls(_ -> {});
        summarize();
    }

    /** Tells JFR what came together. */
    public void summarize() {
        if (FlightRecorder.isInitialized()) {
            WaitEvents.summary(statistics());
        }
    }

    @Override
    public void waited(int vcpu, Cause cause, long nanos) {
        vcpus.get(vcpu).record(nanos);
        if (nanos >= LONG_NANOS && FlightRecorder.isInitialized()) {
            WaitEvents.vcpu(vcpu, cause, nanos);
        }
    }

    /** Counts a command that took {@code nanos} to be answered. */
    public void commandTook(String name, long nanos) {
        commands.record(nanos);
        if (nanos >= LONG_NANOS && FlightRecorder.isInitialized()) {
            WaitEvents.command(name, nanos);
        }
    }

    /** What was counted so far. */
    public WaitStatistics statistics() {
        List<LatencyHistogram.Snapshot> waited = new ArrayList<>(vcpus.size());
        for (LatencyHistogram vcpu : vcpus) {
            waited.add(vcpu.snapshot());
        }
        return new WaitStatistics(waited, trackerCalls.snapshot(), commands.snapshot());
    }
}
