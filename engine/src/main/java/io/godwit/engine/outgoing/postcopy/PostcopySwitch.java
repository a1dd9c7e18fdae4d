// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing.postcopy;

import io.godwit.engine.guest.GuestState;
import io.godwit.engine.memory.RamBlocks;
import io.godwit.engine.outgoing.plan.OutgoingPlan;
import io.godwit.engine.outgoing.plan.OutgoingProgress;
import io.godwit.engine.outgoing.wire.OutgoingWire;
import io.godwit.engine.outgoing.wire.ReturnPath;
import io.godwit.engine.outgoing.wire.WireMeter;
import io.godwit.engine.report.DowntimeParts;
import io.godwit.engine.settings.Capability;
import io.godwit.engine.transport.AbortSignal;
import io.godwit.engine.transport.Channel;
import io.godwit.stream.Command;
import io.godwit.stream.Configuration;
import io.godwit.stream.DeviceSection;
import io.godwit.stream.PostcopyPackage;
import io.godwit.stream.RamBlockEntry;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The switch to postcopy. While the guest runs the destination is told what to throw away, which takes it long for a
 * big guest; with the guest stopped only what was written since, and the package of devices with which it goes on
 * there. So the pause does not depend on the size of the guest. Runs on {@code mig-outgoing}.
 */
public final class PostcopySwitch implements AutoCloseable {
    /** LIMIT: ranges that cost the destination less than a millisecond may be left to the pause. */
    private static final int FEW_COMMANDS = 40;

    /** LIMIT: a guest that writes faster than discards are told is stopped all the same. */
    private static final int MAX_ROUNDS = 8;

    /** LIMIT: how long a destination may need to throw a GiB away, on top of the usual patience. */
    private static final long NANOS_A_GIB = 1_000_000_000L;

    /** Sends commands, asks the destination for an answer and waits for it, so much longer than usual at most. */
    @FunctionalInterface
    public interface Barrier {
        void await(List<Command.PostcopyRamDiscard> commands, long extraNanos);
    }

    /**
     * How the guest was stopped.
     *
     * @param ran whether it ran, and so shall run at the destination
     * @param nanos how long that took
     */
    public record Stop(boolean ran, long nanos) {}

    private final OutgoingPlan plan;
    private final OutgoingWire wire;
    private final OutgoingProgress progress;
    private final WireMeter meter;
    private final List<RamBlockEntry> entries;
    private final OwedPages pages;
    private final Discards discards;
    private final Optional<SafetySource> safety;
    private Optional<PostcopyConnection> connection = Optional.empty();

    /** A switch of a guest whose blocks, these, stay as they are from now on. */
    public PostcopySwitch(
            OutgoingPlan plan, OutgoingWire wire, OutgoingProgress progress, WireMeter meter, RamBlocks.Snapshot ram) {
        this.plan = plan;
        this.wire = wire;
        this.progress = progress;
        this.meter = meter;
        this.entries = OutgoingWire.entries(ram.blocks(), true);
        this.pages = new OwedPages(ram);
        this.discards = new Discards(pages);
        this.safety = plan.capabilities().contains(Capability.POSTCOPY_SAFE)
                ? Optional.of(new SafetySource(plan, progress.postcopy))
                : Optional.empty();
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
            barrier.await(commands, patienceNanos(commands));
            harvest.run();
            if (commands.size() <= FEW_COMMANDS || commands.size() > before - before / 4) {
                return;
            }
            before = commands.size();
        }
    }

    /**
     * Opens what postcopy needs beside the main channel. The destination has answered, so that it takes what comes next
     * for that.
     */
    public void connect(Channel channel, ReturnPath returnPath, AbortSignal abort) {
        Optional<Channel> second = Postcopy.connectForRequests(plan, plan.uri(), abort);
        PostcopyConnection made =
                new PostcopyConnection(plan, pages, entries, progress, meter, channel, second, returnPath, abort);
        connection = Optional.of(made);
        safety.ifPresent(one -> made.addEpochs(one.connect(plan.uri(), abort)));
    }

    /**
     * With the guest stopped: the last discards, and the package. When this returns the destination may run the guest;
     * when it throws, the package is not whole there, and it never will.
     *
     * @param harvest asks the tracker for the last time
     * @param commit the last moment at which the migration can be cancelled; throws if it was
     * @param devicesLoaded told when the destination says so
     * @param markPing value of a PING before the package
     * @param packagePing value of the PING that is answered when the devices are loaded
     * @return the connection over which the memory follows
     */
    public PostcopyConnection sendPackage(
            Runnable harvest,
            Configuration configuration,
            Stop stop,
            Runnable commit,
            Runnable devicesLoaded,
            int markPing,
            int packagePing) {
        PostcopyConnection next = connection.orElseThrow();
        next.answerRequests(packagePing, devicesLoaded);
        long start = plan.clock().nanoTime();
        harvest.run();
        long harvested = plan.clock().nanoTime();
        List<Command> commands = new ArrayList<>();
        commands.addAll(GuestState.announcement(plan.guest()));
        commands.addAll(nextDiscards(true));
        commands.add(new Command.Ping(markPing));
        long told = plan.clock().nanoTime();
        List<DeviceSection> devices = GuestState.save(plan.guest(), stop.ran());
        // Only a Godwit wants to know the devices' layout.
        commands.add(PostcopyPackage.encode(
                configuration, OutgoingWire.RAM_SECTION + 1, devices, packagePing, next.peerIsGodwit()));
        commit.run();
        // The destination may begin as soon as it has the last byte, so the token must be free before that byte leaves.
        plan.run().releaseRightToRun();
        wire.commands(commands);
        long written = plan.clock().nanoTime();
        progress.parts =
                new DowntimeParts(stop.nanos(), harvested - start, told - harvested, written - told, 0, 0, 0, 0);
        progress.packageWrittenNanos = written;
        progress.inPostcopy = true;
        return next;
    }

    /** What {@link Postcopy} goes on with. */
    public Postcopy.Handover handover(boolean guestRan, boolean peerTakesToken) {
        return new Postcopy.Handover(
                pages,
                entries,
                guestRan,
                peerTakesToken,
                connection.orElseThrow().peerIsGodwit(),
                safety);
    }

    @Override
    public void close() {
        connection.ifPresent(PostcopyConnection::close);
        safety.ifPresent(SafetySource::close);
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
