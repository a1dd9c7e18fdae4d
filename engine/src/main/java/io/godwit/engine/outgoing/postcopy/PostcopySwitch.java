// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing.postcopy;

import io.godwit.engine.environment.MonotonicClock;
import io.godwit.engine.guest.Guest;
import io.godwit.engine.guest.GuestState;
import io.godwit.engine.guest.RunControl;
import io.godwit.engine.outgoing.plan.OutgoingProgress;
import io.godwit.engine.outgoing.wire.OutgoingWire;
import io.godwit.engine.report.DowntimeParts;
import io.godwit.stream.Command;
import io.godwit.stream.Configuration;
import io.godwit.stream.DeviceSection;
import io.godwit.stream.PostcopyPackage;
import java.util.ArrayList;
import java.util.List;

/**
 * The switch to postcopy. While the guest runs the destination is told what to throw away, which takes it long for a
 * big guest; with the guest stopped only what was written since, and the package of devices with which it goes on
 * there. So the pause does not depend on the size of the guest. Runs on {@code mig-outgoing}.
 */
public final class PostcopySwitch {
    /** LIMIT: ranges that cost the destination less than a millisecond may be left to the pause. */
    private static final int FEW_COMMANDS = 40;

    /** LIMIT: a guest that writes faster than discards are told is stopped all the same. */
    private static final int MAX_ROUNDS = 8;

    /** LIMIT: how long a destination may need to throw a GiB away, on top of the usual patience. */
    private static final long NANOS_A_GIB = 1_000_000_000L;

    /** Asks the destination for an answer and waits for it, so long at most. */
    @FunctionalInterface
    public interface Barrier {
        void await(long extraNanos);
    }

    private final Guest guest;
    private final RunControl run;
    private final OutgoingWire wire;
    private final OutgoingProgress progress;
    private final MonotonicClock clock;
    private final OwedPages pages;
    private final Discards discards;

    public PostcopySwitch(
            Guest guest,
            RunControl run,
            OutgoingWire wire,
            OutgoingProgress progress,
            MonotonicClock clock,
            OwedPages pages) {
        this.guest = guest;
        this.run = run;
        this.wire = wire;
        this.progress = progress;
        this.clock = clock;
        this.pages = pages;
        this.discards = new Discards(pages);
    }

    /**
     * With the guest running: discards of what is dirty, until little is new. The dirty set only grows meanwhile.
     *
     * @param harvest asks the tracker what was written since the last time
     */
    public void discardEarly(Runnable harvest, Barrier barrier) {
        int before = Integer.MAX_VALUE;
        for (int round = 0; round < MAX_ROUNDS; round++) {
            List<Command.PostcopyRamDiscard> commands = nextDiscards(false);
            wire.commands(commands);
            barrier.await(patienceNanos(commands));
            harvest.run();
            if (commands.size() <= FEW_COMMANDS || commands.size() > before - before / 4) {
                return;
            }
            before = commands.size();
        }
    }

    /**
     * With the guest stopped: the last discards, and the package. When this returns the destination may run the guest;
     * when it throws, the package is not whole there, and it never will.
     *
     * @param harvest asks the tracker for the last time
     * @param ran whether the guest shall run there
     * @param stopNanos how long it took to stop it
     * @param commit the last moment at which the migration can be cancelled; throws if it was
     * @param packagePing value of the PING that is answered when the devices are loaded
     * @param godwit whether the destination is one, which wants to know the devices' layout
     */
    public void sendPackage(
            Runnable harvest,
            Configuration configuration,
            boolean ran,
            long stopNanos,
            Runnable commit,
            int markPing,
            int packagePing,
            boolean godwit) {
        long start = clock.nanoTime();
        harvest.run();
        long harvested = clock.nanoTime();
        List<Command> commands = new ArrayList<>();
        commands.add(new Command.SwitchoverStart());
        commands.addAll(nextDiscards(true));
        commands.add(new Command.Ping(markPing));
        long told = clock.nanoTime();
        List<DeviceSection> devices = GuestState.save(guest, ran);
        commands.add(PostcopyPackage.encode(configuration, OutgoingWire.RAM_SECTION + 1, devices, packagePing, godwit));
        commit.run();
        // The destination may begin as soon as it has the last byte, so the token must be free before that byte leaves.
        run.releaseRightToRun();
        wire.commands(commands);
        long written = clock.nanoTime();
        progress.parts = new DowntimeParts(stopNanos, harvested - start, told - harvested, written - told, 0, 0, 0, 0);
        progress.packageWrittenNanos = written;
        progress.inPostcopy = true;
    }

    private List<Command.PostcopyRamDiscard> nextDiscards(boolean last) {
        for (int i = 0; i < pages.blockCount(); i++) {
            pages.block(i).releaseAllPages();
        }
        pages.widen();
        return discards.next(last);
    }

    private static long patienceNanos(List<Command.PostcopyRamDiscard> commands) {
        long bytes = 0;
        for (Command.PostcopyRamDiscard command : commands) {
            for (Command.Range range : command.ranges()) {
                bytes += range.byteLength();
            }
        }
        return (bytes >> 30) * NANOS_A_GIB;
    }
}
