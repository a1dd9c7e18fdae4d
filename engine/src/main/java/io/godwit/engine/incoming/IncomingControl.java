// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.incoming;

import io.godwit.engine.environment.Mailbox;
import io.godwit.engine.incoming.checkpoint.SecondaryControl;
import io.godwit.engine.incoming.plan.IncomingPlan;
import io.godwit.engine.incoming.postcopy.PostcopyControl;
import io.godwit.engine.incoming.wire.IncomingLink;
import io.godwit.engine.outcome.GuestOwner;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.report.MigrationListener;
import io.godwit.engine.transport.MigrationUri;
import java.util.Optional;

/**
 * The state of one incoming migration, and what control sessions ask of it: they leave a request and go, {@code
 * mig-incoming} finds it. The one place where the state changes and is logged.
 */
final class IncomingControl implements PostcopyControl, SecondaryControl {
    private static final System.Logger LOG = System.getLogger(IncomingControl.class.getName());

    /** What {@code mig-incoming} is asked for while it waits for a source that is gone. */
    sealed interface Request {
        /** The source may come back here. */
        record Recover(IncomingLink link) implements Request {}

        /** This side is ending. */
        record End() implements Request {}
    }

    private final IncomingPlan plan;
    private final Mailbox<Request> requests;
    private volatile IncomingLink link;
    private volatile IncomingState state = new IncomingState.Setup();
    private volatile boolean closing;
    private volatile boolean primaryGivenUp;
    /** Where this side is about to listen again. */
    private Optional<IncomingLink> next = Optional.empty();

    IncomingControl(IncomingPlan plan) {
        this.plan = plan;
        this.requests = new Mailbox<>(plan.environment());
        this.link = new IncomingLink(plan, plan.uri(), false);
    }

    /** Where it stands. */
    IncomingState state() {
        return state;
    }

    /** Where the source comes, or will. */
    IncomingLink link() {
        return link;
    }

    /** Tells listeners of the state as it is at the start. */
    void begin() {
        announce(state);
    }

    /**
     * Cuts the connection on purpose.
     *
     * @throws MigrationException.Refused unless the guest runs here and there is a connection
     */
    void pausePostcopy() {
        switch (state) {
            case IncomingState.PostcopyActive _, IncomingState.PostcopyRecover _ ->
                link.cut("paused by 'migrate-pause'");
            case IncomingState.Setup _,
                    IncomingState.Active _,
                    IncomingState.PostcopyLoading _,
                    IncomingState.PostcopyPaused _,
                    IncomingState.Colo _,
                    IncomingState.Completed _,
                    IncomingState.Failed _ ->
                throw new MigrationException.Refused("migrate-pause is possible in postcopy only, while the source is"
                        + " connected; this migration is '" + state.status().publicName() + "'.");
        }
    }

    /**
     * Listens for the source again. An address that was waited at before is given up, once the new one is open. May
     * wait for the address of a name, which keeps nobody else from anything but another {@code recover}.
     *
     * @param byPostcopy whether the guest came before its memory, so that its source may not have heard of the end
     * @return where that source may ask, if all is here already; if not, {@code mig-incoming} goes on
     * @throws MigrationException.Refused if this is no postcopy that lost its connection, or the address cannot be
     *     used: then nothing has changed
     */
    Optional<IncomingLink> recover(MigrationUri uri, boolean byPostcopy) {
        IncomingLink opened = prepare(uri, byPostcopy);
        try {
            opened.listen();
        } catch (RuntimeException | Error e) {
            forgetNext();
            throw e;
        }
        return use(opened, uri, byPostcopy);
    }

    private synchronized IncomingLink prepare(MigrationUri uri, boolean byPostcopy) {
        refuseToRecover(byPostcopy);
        if (next.isPresent()) {
            throw new MigrationException.Refused(
                    "migrate-recover was asked for before, and its address is still being looked up.");
        }
        IncomingLink prepared = new IncomingLink(plan, uri, true);
        next = Optional.of(prepared);
        return prepared;
    }

    private synchronized Optional<IncomingLink> use(IncomingLink opened, MigrationUri uri, boolean byPostcopy) {
        forgetNext();
        try {
            refuseToRecover(byPostcopy);
        } catch (MigrationException.Refused e) {
            opened.close();
            throw e;
        }
        link.cut("migrate-recover was asked for again, with " + uri);
        link = opened;
        if (state instanceof IncomingState.Completed) {
            return Optional.of(opened);
        }
        requests.add(new Request.Recover(opened));
        return Optional.empty();
    }

    private synchronized void forgetNext() {
        next = Optional.empty();
    }

    private void refuseToRecover(boolean byPostcopy) {
        boolean paused = state instanceof IncomingState.PostcopyPaused;
        boolean done = state instanceof IncomingState.Completed && byPostcopy;
        if (closing || !(paused || done)) {
            throw new MigrationException.Refused("migrate-recover is possible in state 'postcopy-paused'"
                    + " only; this migration is '" + state.status().publicName() + "'.");
        }
    }

    /**
     * The primary is lost for certain.
     *
     * @throws MigrationException.Refused if the guest does not stand by here
     */
    synchronized void failOver() {
        if (!(state instanceof IncomingState.Colo)) {
            throw MigrationException.Refused.noFailover(state.status());
        }
        if (primaryGivenUp) {
            throw MigrationException.Refused.failoverAskedBefore();
        }
        primaryGivenUp = true;
        link.cut("x-colo-lost-heartbeat was asked for");
    }

    /** This side is ending: waits of the connection end, and nobody will recover. */
    synchronized void end() {
        closing = true;
        link.cut("this side is ending");
        next.ifPresent(prepared -> prepared.cut("this side is ending"));
        requests.add(new Request.End());
    }

    /** Waits for what control sessions ask. */
    Request nextRequest() {
        while (true) {
            try {
                return requests.take();
            } catch (InterruptedException e) {
                LOG.log(System.Logger.Level.DEBUG, "interrupted while waiting for the source", e);
            }
        }
    }

    /** Ends it by an error, unless it has ended or the guest is here. */
    void fail(Throwable cause) {
        if (state.status().isEnded() || state.hasGuest()) {
            LOG.log(System.Logger.Level.WARNING, "after the end of the migration from " + plan.uri(), cause);
            return;
        }
        plan.run().arrivalFailed();
        String message = "The migration from " + plan.uri() + " failed: " + MigrationException.sentence(cause)
                + (state instanceof IncomingState.Colo
                        ? "; the guest that stood by here will not run again, and belongs to the primary."
                        : "; the guest was not started here and belongs to the source.");
        become(new IncomingState.Failed(message, GuestOwner.PEER), message);
    }

    /** The source has begun. */
    void begun() {
        become(new IncomingState.Active(), "the source has begun");
    }

    @Override
    public void loading(String reason) {
        become(new IncomingState.PostcopyLoading(), reason);
    }

    @Override
    public void active(String reason) {
        become(new IncomingState.PostcopyActive(), reason);
    }

    @Override
    public void paused(String error, String reason) {
        become(new IncomingState.PostcopyPaused(error), reason);
    }

    @Override
    public void recovering(String reason) {
        become(new IncomingState.PostcopyRecover(), reason);
    }

    @Override
    public void standsBy(String reason) {
        become(new IncomingState.Colo(Optional.empty()), reason);
    }

    @Override
    public void waiting(String error) {
        become(new IncomingState.Colo(Optional.of(error)), error);
    }

    @Override
    public boolean isPrimaryGivenUp() {
        return primaryGivenUp;
    }

    @Override
    public boolean isEnding() {
        return closing;
    }

    @Override
    public void completed(String reason) {
        become(new IncomingState.Completed(), reason);
    }

    /** Changes the state; on {@code mig-incoming}. */
    private void become(IncomingState next, String reason) {
        IncomingState old = state;
        if (!old.mayBecome(next)) {
            throw new IllegalStateException("incoming migration: " + old + " cannot become " + next);
        }
        LOG.log(
                System.Logger.Level.DEBUG,
                "incoming {0}: {1} -> {2}: {3}",
                plan.uri(),
                old.status(),
                next.status(),
                reason);
        state = next;
        if (next.status() != old.status()) {
            announce(next);
        }
    }

    private void announce(IncomingState now) {
        MigrationListener.tell(plan.listeners(), l -> l.statusChanged(now.status()));
    }
}
