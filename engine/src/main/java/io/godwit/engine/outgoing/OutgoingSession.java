// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing;

import io.godwit.engine.agreement.Extension;
import io.godwit.engine.guest.KeptState;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.outcome.GuestOwner;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.outgoing.checkpoint.Protection;
import io.godwit.engine.outgoing.checkpoint.ProtectionControl;
import io.godwit.engine.outgoing.plan.OutgoingPlan;
import io.godwit.engine.outgoing.plan.OutgoingProgress;
import io.godwit.engine.outgoing.postcopy.Postcopy;
import io.godwit.engine.outgoing.postcopy.PostcopyConnection;
import io.godwit.engine.outgoing.postcopy.PostcopySwitch;
import io.godwit.engine.outgoing.precopy.FreePageHints;
import io.godwit.engine.outgoing.precopy.PostcopyTrigger;
import io.godwit.engine.outgoing.precopy.Precopy;
import io.godwit.engine.outgoing.wire.AnnouncedRam;
import io.godwit.engine.outgoing.wire.OutgoingWire;
import io.godwit.engine.outgoing.wire.RamSender;
import io.godwit.engine.outgoing.wire.ReturnPath;
import io.godwit.engine.outgoing.wire.StreamEnd;
import io.godwit.engine.outgoing.wire.Verdict;
import io.godwit.engine.outgoing.wire.WireMeter;
import io.godwit.engine.settings.Capability;
import io.godwit.engine.settings.MigrationParameter;
import io.godwit.engine.transport.AbortSignal;
import io.godwit.engine.transport.Channel;
import io.godwit.stream.Command;
import io.godwit.stream.Configuration;
import io.godwit.stream.PageRecordWriter;
import io.godwit.stream.RamBlockEntry;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * The steps of one migration over its first connection, in the order in which {@link OutgoingMigration} takes them, and
 * at the end the answer to who owns the guest. With the package of postcopy written, {@link Postcopy} goes on. Used by
 * {@code mig-outgoing} only.
 */
final class OutgoingSession implements AutoCloseable {
    private final OutgoingPlan plan;
    private final Channel channel;
    private final AbortSignal abort;
    private final OutgoingProgress progress;
    private final WireMeter meter;
    private final AnnouncedRam ram;
    private final List<RamBlockEntry> entries;
    private final Configuration configuration;
    private final OutgoingWire wire;
    private final RamSender sender;
    private final Precopy precopy;
    private final Switchover switchover;
    private final boolean forPostcopy;
    private final Optional<ReturnPath> returnPath;
    private final Questions questions;
    private final boolean colo;
    /** The way back, on which a secondary speaks whether or not the return path is open. */
    private final Optional<ReturnPath> answers;

    private final Optional<FreePageHints> freePages;
    private Optional<PostcopySwitch> postcopy = Optional.empty();
    private boolean holes;
    private int pings;

    OutgoingSession(
            OutgoingPlan plan,
            Channel channel,
            AnnouncedRam ram,
            AbortSignal abort,
            PostcopyTrigger trigger,
            OutgoingProgress progress,
            WireMeter meter) {
        this.plan = plan;
        this.channel = channel;
        this.abort = abort;
        this.progress = progress;
        this.meter = meter;
        this.forPostcopy = plan.capabilities().contains(Capability.POSTCOPY_RAM);
        this.ram = ram;
        this.entries = OutgoingWire.entries(ram.snapshot().blocks(), forPostcopy);
        this.configuration = plan.guest()
                .keptState()
                .map(KeptState::configuration)
                .orElseGet(() -> OutgoingWire.configuration(
                        plan.guest().machineType(),
                        plan.guest().identity(),
                        plan.capabilities().contains(Capability.VALIDATE_UUID)));
        this.wire = new OutgoingWire(channel, meter);
        this.sender = new RamSender(channel, new PageRecordWriter(entries), meter, plan.clock());
        this.freePages = plan.parameters().get().isOn(MigrationParameter.FREE_PAGE_HINTS)
                ? plan.guest()
                        .freePages()
                        .map(reporter -> new FreePageHints(ram::snapshot, reporter, progress.freePages, plan.clock()))
                : Optional.empty();
        this.precopy = new Precopy(
                plan, ram, wire, sender, progress, meter, trigger, freePages, () -> awaitArrival(List.of(), 0));
        this.switchover = new Switchover(plan.guest(), plan.run(), wire, progress, meter, plan.clock());
        this.colo = plan.capabilities().contains(Capability.X_COLO);
        boolean asks = forPostcopy || plan.capabilities().contains(Capability.RETURN_PATH);
        this.answers = (asks || colo) && channel.isBidirectional()
                ? Optional.of(new ReturnPath(channel, entries, plan.environment()))
                : Optional.empty();
        this.returnPath = answers.filter(_ -> asks);
        this.questions = new Questions(
                plan, channel.peer(), wire, returnPath, configuration.uuid().isPresent());
    }

    /** The guest's blocks, which stay as they are until it is known whether the destination can follow. */
    static AnnouncedRam holdRam(OutgoingPlan plan) {
        return new AnnouncedRam(
                plan.guest().ram(),
                kept(
                        plan,
                        "is being announced, and whether its destination can follow is known in a moment; try again"));
    }

    /** Everything that comes before the first page. */
    void announce() {
        if (forPostcopy && returnPath.isEmpty()) {
            throw new MigrationException.Transport(
                    "postcopy needs answers, and " + channel.peer() + " has no way back; use tcp: or unix:");
        }
        if (colo && answers.isEmpty()) {
            throw new MigrationException.Transport(
                    "COLO needs answers, and " + channel.peer() + " has no way back; use tcp: or unix:");
        }
        // Before the first byte leaves: who turns this away is heard, and not only noticed as a broken wire.
        answers.ifPresent(ReturnPath::start);
        List<Command> first = new ArrayList<>();
        if (returnPath.isPresent()) {
            first.addAll(List.of(new Command.OpenReturnPath(), new Command.Ping(++pings), Extension.TOKEN.ask()));
        }
        if (forPostcopy) {
            first.add(new Command.PostcopyAdvise(
                    OptionalLong.of(pageSizeSummary()), OptionalLong.of(RamBlock.PAGE_BYTES)));
        }
        wire.announceGuest(configuration, first);
        if (plan.capabilities().contains(Capability.POSTCOPY_SAFE)) {
            questions.askForSafety();
        }
        if (colo) {
            questions.askForComparison();
            wire.command(new Command.EnableColo());
        }
        holes = freePages.isPresent() && questions.takesHoles();
        boolean follows = followsRam();
        precopy.begin(holes);
        wire.announceRam(entries);
        if (follows) {
            ram.letChange();
        }
    }

    /**
     * With the guest running: what protection needs before the stop. From here on the list of blocks stays as it is.
     *
     * @return what goes on when all is sent
     */
    Protection prepareProtection(ProtectionControl control) {
        ram.hold("Memory can neither be added nor taken away now: the guest is protected by the secondary at "
                + plan.uri() + ", whose memory must be the same. End that first (migrate_cancel).");
        Protection.Handover handover = new Protection.Handover(
                configuration,
                ram.snapshot(),
                wire,
                sender,
                () -> precopy.sendAllDirty(false),
                answers.orElseThrow(),
                questions.sharesToken());
        Protection made = new Protection(plan, handover, control, abort, progress.colo, meter);
        made.connect();
        return made;
    }

    /** Whether blocks may come and go; if not, who tries is told why from now on. */
    private boolean followsRam() {
        if (!colo && plan.guest().ramPlug().isPresent() && questions.followsRam()) {
            return true;
        }
        ram.keepBecause(
                kept("has a destination that cannot follow when blocks come and go (it is no Godwit, either guest"
                        + " has a fixed memory, or it has no way to answer); wait for its end or cancel it"));
        return false;
    }

    private String kept(String why) {
        return kept(plan, why);
    }

    private static String kept(OutgoingPlan plan, String why) {
        return "Memory can neither be added nor taken away now: the migration to " + plan.uri() + " " + why
                + ". The guest is here and runs on as it is.";
    }

    /** What the destination must know of pages that were left out. */
    private List<Command> holes() {
        return holes && returnPath.isPresent()
                ? returnPath.get().peer().holes(freePages.orElseThrow().leftOut())
                : List.of();
    }

    private long pageSizeSummary() {
        long summary = 0;
        for (RamBlock block : ram.snapshot().blocks()) {
            summary |= block.pageBytes();
        }
        return summary;
    }

    /** Passes until the rest is small, or postcopy is to begin; returns whether it is. */
    boolean precopy() {
        return precopy.run();
    }

    /**
     * Sends these commands, and waits until the destination has taken in all that was sent. What still lies in socket
     * buffers would be part of the pause, and a destination that does not answer must not cost the guest its life.
     */
    private void awaitArrival(List<? extends Command> commands, long extraNanos) {
        if (returnPath.isPresent()) {
            List<Command> all = new ArrayList<>(commands);
            all.add(new Command.Ping(++pings));
            wire.commands(all);
            long patience = plan.parameters().get().connectTimeoutMillis() * 1_000_000;
            returnPath.get().awaitPong(pings, patience + extraNanos);
        }
    }

    /**
     * With the guest running: all that postcopy needs before the switch. From here on the list of blocks stays as it
     * is.
     */
    void preparePostcopy() {
        ram.hold("Memory can neither be added nor taken away now: the migration to " + plan.uri()
                + " goes on by postcopy, whose destination watches the memory that it knows of until all of it has "
                + "arrived."
                + " query-migrate says which host has the guest; change its memory there when it says"
                + " completed.");
        precopy.tellOfChange();
        PostcopySwitch steps = new PostcopySwitch(plan, wire, progress, meter, ram.snapshot());
        postcopy = Optional.of(steps);
        precopy.harvest();
        steps.discardEarly(precopy::harvestQuietly, this::awaitArrival);
        steps.connect(channel, returnPath.orElseThrow(), abort);
    }

    /** Stops the guest; its pause begins. */
    void stopGuest() {
        switchover.stopGuest();
    }

    /** Sends the rest up to the last byte. */
    void sendRest() {
        returnPath.ifPresent(ReturnPath::expectVerdict);
        switchover.sendRest(precopy, sender, configuration, this::holes, false);
    }

    /** Sends the rest to a secondary, which has no right to run the guest. */
    void sendRestToSecondary() {
        switchover.sendRest(precopy, sender, configuration, this::holes, true);
    }

    /** Whether the guest ran when it was stopped. */
    boolean guestRan() {
        return switchover.guestRan();
    }

    /**
     * Sends what lets the guest run at the destination.
     *
     * @param commit see {@link PostcopySwitch#sendPackage}
     * @param devicesLoaded told when the destination says so
     * @return the connection over which its memory follows
     */
    PostcopyConnection sendPackage(Runnable commit, Runnable devicesLoaded) {
        int markPing = ++pings;
        int packagePing = ++pings;
        return postcopy.orElseThrow()
                .sendPackage(
                        precopy::harvest,
                        configuration,
                        switchover.stop(),
                        commit,
                        devicesLoaded,
                        markPing,
                        packagePing);
    }

    /** What {@link Postcopy} goes on with. */
    Postcopy.Handover handover() {
        return postcopy.orElseThrow().handover(switchover.guestRan(), questions.sharesToken());
    }

    /**
     * Waits for the destination's last word. Without a way back, the end of who reads the stream must do.
     *
     * @throws MigrationException if the destination does not have the guest, or nobody knows
     */
    void awaitVerdict() {
        long since = plan.clock().nanoTime();
        progress.allSentAtNanos = since;
        if (returnPath.isEmpty()) {
            new StreamEnd(channel, abort).await(plan.parameters().get().handoverTimeoutMillis(), plan.environment());
        } else {
            long patience = plan.parameters().get().handoverTimeoutMillis() * 1_000_000;
            Verdict verdict = returnPath.get().awaitVerdict(patience);
            switch (verdict) {
                case Verdict.Accepted _ -> {}
                case Verdict.Rejected rejected ->
                    throw new MigrationException.Protocol("the destination " + rejected.describe());
                case Verdict.Silent _, Verdict.TurnedAway _ ->
                    throw new MigrationException.Transport("the whole guest was sent to " + channel.peer()
                            + ", but the destination " + verdict.describe());
            }
        }
        switchover.answered(since);
        plan.run().handedOver();
    }

    /** {@link ReturnPath#toldCause}. */
    Throwable toldCause(Throwable cause) {
        return returnPath.map(answers -> answers.toldCause(cause)).orElse(cause);
    }

    /** The migration has failed: what comes and goes is of no interest to it any more. */
    void letRamChange() {
        ram.close();
    }

    /** There are no more passes: the guest has all of its time. */
    void endPasses() {
        precopy.close();
    }

    /** The guest stays, or nobody knows: it may use its free pages as before. */
    void giveBackFreePages() {
        freePages.ifPresent(FreePageHints::abandon);
    }

    /** After a failure: ends the wire, brings the guest back where that is right, and says who owns it. */
    GuestOwner settleOwner() {
        channel.abort("the migration has ended");
        // What the destination said last counts, also when it was said while we failed for another reason.
        answers.ifPresent(ReturnPath::join);
        boolean answered = returnPath.isPresent() && returnPath.get().verdict() instanceof Verdict.Accepted;
        if (answered && switchover.isRightGivenUp()) {
            plan.run().handedOver();
            return GuestOwner.PEER;
        }
        return plan.run().takeBack(switchover.guestRan(), mayRunUnasked());
    }

    /**
     * Whether a destination that asks no arbiter could have begun to run the guest. A package of postcopy that was not
     * wholly written lets nobody begin.
     */
    private boolean mayRunUnasked() {
        if (!switchover.isRightGivenUp() || !channel.isBidirectional()) {
            return false;
        }
        if (returnPath.isEmpty()) {
            return true;
        }
        boolean rejected = returnPath.get().verdict() instanceof Verdict.Rejected;
        return !rejected && !questions.sharesToken();
    }

    @Override
    public void close() {
        precopy.close();
        channel.abort("the migration has ended");
        freePages.ifPresent(FreePageHints::close);
        answers.ifPresent(ReturnPath::join);
        postcopy.ifPresent(PostcopySwitch::close);
        sender.close();
        wire.close();
    }
}
