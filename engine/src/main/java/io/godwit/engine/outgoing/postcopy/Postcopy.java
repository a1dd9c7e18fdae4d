// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing.postcopy;

import io.godwit.engine.outcome.GuestOwner;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.outgoing.plan.OutgoingPlan;
import io.godwit.engine.outgoing.plan.OutgoingProgress;
import io.godwit.engine.outgoing.wire.OutgoingWire;
import io.godwit.engine.outgoing.wire.ReturnPath;
import io.godwit.engine.outgoing.wire.Verdict;
import io.godwit.engine.outgoing.wire.WireMeter;
import io.godwit.engine.settings.Capability;
import io.godwit.engine.transport.AbortSignal;
import io.godwit.engine.transport.Channel;
import io.godwit.engine.transport.ConnectionRole;
import io.godwit.engine.transport.MigrationUri;
import io.godwit.stream.RamBlockEntry;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * Postcopy from the switch to its end: pushes over one connection after the other until the destination has everything.
 * Whatever goes wrong once the destination has the guest leads to {@code postcopy-paused}, where nothing is lost. Runs
 * on {@code mig-outgoing}.
 *
 * <p>Between the switch and the destination's first sign of life nobody knows whether it runs the guest. If the
 * connection breaks then, the token decides, where the destination takes it: won back, the guest goes on here, whose
 * memory is whole, because nobody has written to it.
 */
public final class Postcopy {
    /** LIMIT: a process that is being torn down keeps its locks until its memory is freed. */
    private static final Duration CLAIM_PATIENCE = Duration.ofMillis(200);

    /**
     * LIMIT: from the devices loaded to the token taken it is less than a millisecond on a machine that is not
     * overloaded.
     */
    private static final long GRACE_NANOS = 20_000_000;

    /** How it ended. */
    public sealed interface End {
        /** The destination has everything. */
        record Completed() implements End {}

        /** It did not come to its end. */
        record Failed(Throwable cause, GuestOwner owner) implements End {}
    }

    private final OutgoingPlan plan;
    private final PostcopyControl control;
    private final OutgoingProgress progress;
    private final WireMeter meter;
    private final OwedPages pages;
    private final List<RamBlockEntry> entries;
    private final boolean guestRan;
    private final boolean peerTakesToken;
    private final boolean peerIsGodwit;
    private final Optional<SafetySource> safety;
    private boolean devicesLoaded;
    private boolean peerHasGuest;
    private boolean recovered;
    private boolean takenBack;

    public Postcopy(
            OutgoingPlan plan, PostcopyControl control, OutgoingProgress progress, WireMeter meter, Handover handover) {
        this.plan = plan;
        this.control = control;
        this.progress = progress;
        this.meter = meter;
        this.pages = handover.pages();
        this.entries = handover.entries();
        this.guestRan = handover.guestRan();
        this.peerTakesToken = handover.peerTakesToken();
        this.peerIsGodwit = handover.peerIsGodwit();
        this.safety = handover.safety();
    }

    /**
     * What the switch leaves.
     *
     * @param pages what the destination lacks
     * @param entries the blocks as they were announced
     * @param guestRan whether the guest ran when it was stopped
     * @param peerTakesToken whether the destination takes our token before it runs the guest
     * @param peerIsGodwit whether the destination is a Godwit
     * @param safety with {@code postcopy-safe}: what brings the guest back if the destination dies
     */
    public record Handover(
            OwedPages pages,
            List<RamBlockEntry> entries,
            boolean guestRan,
            boolean peerTakesToken,
            boolean peerIsGodwit,
            Optional<SafetySource> safety) {}

    /** Goes on from the switch, over this connection first. */
    public End conduct(PostcopyConnection first) {
        Optional<PostcopyConnection> connection = Optional.of(first);
        while (true) {
            Optional<Throwable> failure = push(connection.get());
            if (failure.isEmpty()) {
                plan.run().handedOver();
                return new End.Completed();
            }
            GuestOwner owner;
            try {
                owner = owner(connection.get());
            } catch (MigrationException.Machine e) {
                return new End.Failed(e, GuestOwner.UNDECIDED);
            }
            if (owner == GuestOwner.HERE) {
                return new End.Failed(returned(failure.get()), owner);
            }
            pause(failure.get(), owner);
            try {
                connection = awaitRecovery(owner);
            } catch (MigrationException.Machine e) {
                return new End.Failed(e, GuestOwner.UNDECIDED);
            }
            if (takenBack) {
                return new End.Failed(returned(failure.get()), GuestOwner.HERE);
            }
            if (connection.isEmpty()) {
                plan.run().leaveTo(owner);
                return new End.Failed(
                        new MigrationException.Transport("this host is ending before the destination has all memory; "
                                + pages.count() + " pages will be missing there"),
                        owner);
            }
        }
    }

    /** Why the connection ended, unless everything is done. The connection is closed then. */
    private Optional<Throwable> push(PostcopyConnection connection) {
        try {
            connection.conduct();
            connection.close();
            return Optional.empty();
        } catch (RuntimeException | Error e) {
            Throwable told = connection.toldCause(e);
            connection.close();
            // The destination's word counts if it can be true, however the connection ended.
            boolean complete = connection.verdict() instanceof Verdict.Accepted && pages.count() == 0;
            return complete ? Optional.empty() : Optional.of(told);
        }
    }

    private Throwable returned(Throwable cause) {
        return safety.<Throwable>map(one -> one.describeReturn(cause)).orElse(cause);
    }

    /** While paused: the destination may die at any time. */
    private boolean hasComeBack() {
        takenBack |= safety.isPresent() && safety.get().takeBack(guestRan, Duration.ZERO) == GuestOwner.HERE;
        return takenBack;
    }

    private GuestOwner owner(PostcopyConnection connection) {
        if (safety.isPresent() && !safety.get().isOver()) {
            return safety.get().takeBack(guestRan, CLAIM_PATIENCE);
        }
        if (peerHasGuest || safety.isPresent()) {
            return GuestOwner.PEER;
        }
        // The first sign of life: behind the devices there is only the order to run.
        devicesLoaded |= connection.hasLoadedDevices();
        // One that was there to go on has its package, and no later word of it says that it never ran the guest.
        boolean refused = connection.verdict() instanceof Verdict.Rejected && !devicesLoaded && !recovered;
        if (peerTakesToken || refused) {
            if (devicesLoaded) {
                // It is about to take the token, or has: a moment makes the answer the one that it expects.
                plan.environment().pause(GRACE_NANOS);
            }
            GuestOwner owner = plan.run().reclaim(guestRan);
            peerHasGuest = owner == GuestOwner.PEER;
            return owner;
        }
        peerHasGuest = devicesLoaded;
        return devicesLoaded ? GuestOwner.PEER : GuestOwner.UNDECIDED;
    }

    private void pause(Throwable cause, GuestOwner owner) {
        String who = owner == GuestOwner.PEER
                ? "the guest lives there and lacks " + pages.count() + " pages"
                : "whether the guest lives there is not known; here it is stopped with its memory whole";
        String why = MigrationException.sentence(cause);
        control.paused(
                "Postcopy to " + plan.uri() + " is paused: " + why + "; " + who
                        + ": 'migrate-recover' there, then 'migrate' with 'resume' here.",
                owner,
                why);
    }

    /** Waits until somebody resumes and that works; empty if this side is ending. */
    private Optional<PostcopyConnection> awaitRecovery(GuestOwner owner) {
        while (true) {
            Optional<PostcopyControl.Resume> resume = control.awaitResume(this::hasComeBack);
            if (resume.isEmpty()) {
                return Optional.empty();
            }
            try {
                PostcopyConnection connection =
                        recover(resume.get().uri(), resume.get().abort());
                recovered = true;
                progress.postcopy.recovered();
                return Optional.of(connection);
            } catch (RuntimeException | Error e) {
                pause(e, owner);
            }
        }
    }

    private PostcopyConnection recover(MigrationUri uri, AbortSignal abort) {
        Channel channel = plan.connections(uri).open(ConnectionRole.MAIN, abort);
        ReturnPath returnPath = new ReturnPath(channel, entries, plan.environment());
        try (OutgoingWire wire = new OutgoingWire(channel, meter)) {
            if (!channel.isBidirectional()) {
                throw new MigrationException.Transport("postcopy needs answers, and " + uri + " has no way back");
            }
            control.recovering("connected to " + uri);
            returnPath.start();
            Recovery recovery = new Recovery(plan, pages, wire, returnPath);
            if (peerIsGodwit) {
                recovery.showIdentity();
            }
            recovery.agreeOnPages();
            return resume(uri, abort, channel, returnPath, recovery);
        } catch (RuntimeException | Error e) {
            Throwable told = returnPath.toldCause(e);
            channel.abort("recovery failed");
            returnPath.join();
            channel.close();
            if (told instanceof RuntimeException better) {
                throw better;
            }
            throw e;
        }
    }

    private PostcopyConnection resume(
            MigrationUri uri, AbortSignal abort, Channel channel, ReturnPath returnPath, Recovery recovery) {
        Optional<Channel> second = connectForRequests(plan, uri, abort);
        PostcopyConnection connection =
                new PostcopyConnection(plan, pages, entries, progress, meter, channel, second, returnPath, abort);
        try {
            safety.ifPresent(one -> connection.addEpochs(one.connect(uri, abort)));
            connection.answerRequests(0, () -> {});
            recovery.resume();
            control.active("the destination goes on");
            return connection;
        } catch (RuntimeException | Error e) {
            Throwable told = connection.toldCause(e);
            connection.close();
            if (told instanceof RuntimeException better) {
                throw better;
            }
            throw e;
        }
    }

    /** The second connection, if {@code postcopy-preempt} wants one. */
    public static Optional<Channel> connectForRequests(OutgoingPlan plan, MigrationUri uri, AbortSignal abort) {
        if (!plan.capabilities().contains(Capability.POSTCOPY_PREEMPT)) {
            return Optional.empty();
        }
        return Optional.of(plan.connections(uri).open(ConnectionRole.PREEMPT, abort));
    }
}
