// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing;

import io.godwit.engine.environment.MonotonicClock;
import io.godwit.engine.guest.Guest;
import io.godwit.engine.guest.GuestState;
import io.godwit.engine.guest.RunControl;
import io.godwit.engine.outgoing.plan.OutgoingProgress;
import io.godwit.engine.outgoing.postcopy.PostcopySwitch;
import io.godwit.engine.outgoing.precopy.Precopy;
import io.godwit.engine.outgoing.wire.OutgoingWire;
import io.godwit.engine.outgoing.wire.RamSender;
import io.godwit.engine.outgoing.wire.WireMeter;
import io.godwit.engine.report.DowntimeParts;
import io.godwit.stream.Command;
import io.godwit.stream.Configuration;
import io.godwit.stream.DeviceSection;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;

/**
 * The end of the source's part, guest stopped: the last harvest, the last pages, the devices; then the right to run is
 * given up and the bytes that let the destination begin are written. Runs on {@code mig-outgoing}; remembers what has
 * been done, because what a failure means depends on it.
 */
final class Switchover {
    private final Guest guest;
    private final RunControl run;
    private final OutgoingWire wire;
    private final OutgoingProgress progress;
    private final WireMeter meter;
    private final MonotonicClock clock;
    private long stoppedAtNanos;
    private DowntimeParts parts = DowntimeParts.NONE;
    private boolean wasRunning;
    private boolean rightGivenUp;

    Switchover(
            Guest guest,
            RunControl run,
            OutgoingWire wire,
            OutgoingProgress progress,
            WireMeter meter,
            MonotonicClock clock) {
        this.guest = guest;
        this.run = run;
        this.wire = wire;
        this.progress = progress;
        this.meter = meter;
        this.clock = clock;
    }

    /** Stops the guest. From here on its pause counts. */
    void stopGuest() {
        stoppedAtNanos = clock.nanoTime();
        wasRunning = run.stopForSwitchover();
        progress.stoppedAtNanos = stoppedAtNanos;
        tell(new DowntimeParts(clock.nanoTime() - stoppedAtNanos, 0, 0, 0, 0, 0, 0, 0));
    }

    /**
     * Sends all that is left, up to the last byte.
     *
     * @param holes says after the last harvest what was left out
     * @param keepsRight whether the destination becomes a secondary, which has no right to run the guest
     */
    void sendRest(
            Precopy precopy,
            RamSender sender,
            Configuration configuration,
            Supplier<List<Command>> holes,
            boolean keepsRight) {
        long start = clock.nanoTime();
        precopy.harvest();
        long harvested = clock.nanoTime();
        List<Command> commands = new ArrayList<>(holes.get());
        commands.addAll(GuestState.announcement(guest));
        wire.commands(commands);
        long pagesBefore = meter.pages();
        sender.beginEnd();
        precopy.sendAllDirty(false);
        sender.endOfRam();
        progress.downtimePages = meter.pages() - pagesBefore;
        long sent = clock.nanoTime();
        List<DeviceSection> devices = GuestState.save(guest, wasRunning);
        if (!keepsRight) {
            // The destination may begin as soon as it has the last byte, so the token must be free before that.
            rightGivenUp = true;
            run.releaseRightToRun();
        }
        wire.tail(configuration, devices);
        tell(new DowntimeParts(
                parts.stopNanos(), harvested - start, sent - harvested, clock.nanoTime() - sent, 0, 0, 0, 0));
    }

    /** The destination has answered, which was waited for since then: the pause has ended. */
    void answered(long sinceNanos) {
        long now = clock.nanoTime();
        tell(new DowntimeParts(
                parts.stopNanos(),
                parts.harvestNanos(),
                parts.pagesNanos(),
                parts.deviceNanos(),
                now - sinceNanos,
                0,
                0,
                0));
        progress.downtimeNanos = now - stoppedAtNanos;
    }

    private void tell(DowntimeParts now) {
        parts = now;
        progress.parts = now;
    }

    /** How the guest was stopped. */
    PostcopySwitch.Stop stop() {
        return new PostcopySwitch.Stop(wasRunning, parts.stopNanos());
    }

    /** Whether the guest ran when it was stopped. */
    boolean guestRan() {
        return wasRunning;
    }

    /**
     * Whether the destination may have begun to run the guest: only before this is true the source may go on without
     * asking.
     */
    boolean isRightGivenUp() {
        return rightGivenUp;
    }
}
