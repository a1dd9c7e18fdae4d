// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing.precopy;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.engine.arbiter.NoArbiter;
import io.godwit.engine.environment.Environment;
import io.godwit.engine.environment.MonotonicClock;
import io.godwit.engine.guest.RunControl;
import io.godwit.engine.guest.RunState;
import io.godwit.engine.guest.VcpuTime;
import io.godwit.engine.outgoing.plan.OutgoingPlan;
import io.godwit.engine.outgoing.plan.OutgoingProgress;
import io.godwit.engine.outgoing.wire.AnnouncedRam;
import io.godwit.engine.outgoing.wire.OutgoingWire;
import io.godwit.engine.outgoing.wire.RamSender;
import io.godwit.engine.outgoing.wire.WireMeter;
import io.godwit.engine.report.MigrationListener;
import io.godwit.engine.settings.MigrationParameters;
import io.godwit.engine.transport.Descriptors;
import io.godwit.engine.transport.MigrationUri;
import io.godwit.engine.transport.SystemTransports;
import io.godwit.stream.PageRecordWriter;
import io.godwit.testkit.guest.StillGuest;
import io.godwit.testkit.wire.SwallowingChannel;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;

/** The passes of a guest that stands still, by a clock of the test, over a wire that takes everything at once. */
public record PrecopyLab(
        StillGuest guest,
        OutgoingProgress progress,
        WireMeter meter,
        MigrationParameters parameters,
        MonotonicClock clock) {
    /** A migration of such a guest, which nobody steers. */
    public static OutgoingPlan plan(
            StillGuest guest, MigrationParameters parameters, List<MigrationListener> listeners, MonotonicClock clock) {
        return new OutgoingPlan(
                guest,
                new VcpuTime(guest.vcpus(), () -> parameters).taker(),
                new RunControl(guest, new NoArbiter(), RunState.PRELAUNCH),
                MigrationUri.parse("exec:true"),
                () -> parameters,
                Set.of(),
                listeners,
                Environment.of(clock),
                new SystemTransports(Descriptors.ANY_NUMBER));
    }

    /**
     * Walks until the rest is small enough.
     *
     * @param onWrite hears of each write to the wire
     * @param onArrival hears at the end of each pass that all has arrived
     */
    void walk(List<MigrationListener> listeners, Runnable onWrite, Consumer<Precopy> onArrival) {
        Precopy[] within = new Precopy[1];
        SwallowingChannel channel = new SwallowingChannel(onWrite);
        PageRecordWriter records =
                new PageRecordWriter(OutgoingWire.entries(guest.ram().snapshot().blocks(), false));
        try (AnnouncedRam ram = new AnnouncedRam(guest.ram(), "test");
                OutgoingWire wire = new OutgoingWire(channel, meter);
                RamSender sender = new RamSender(channel, records, meter, clock);
                Precopy precopy = new Precopy(
                        plan(guest, parameters, listeners, clock),
                        ram,
                        wire,
                        sender,
                        progress,
                        meter,
                        new PostcopyTrigger(false, () -> parameters),
                        Optional.empty(),
                        () -> onArrival.accept(within[0]))) {
            within[0] = precopy;
            precopy.begin(false);
            assertThat(precopy.run()).isFalse();
        }
    }
}
