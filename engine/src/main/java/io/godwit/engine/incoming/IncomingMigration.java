// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.incoming;

import io.godwit.engine.checkpoint.CheckpointTaker;
import io.godwit.engine.incoming.plan.IncomingPlan;
import io.godwit.engine.incoming.plan.IncomingProgress;
import io.godwit.engine.incoming.postcopy.PostcopyArrival;
import io.godwit.engine.incoming.wire.IncomingLink;
import io.godwit.engine.memory.PageDigests;
import io.godwit.engine.outcome.GuestOwner;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.report.MigrationListener;
import io.godwit.engine.report.MigrationStatistics;
import io.godwit.engine.report.RamStatistics;
import io.godwit.engine.report.ThrottleStatistics;
import io.godwit.engine.report.TimeStatistics;
import io.godwit.engine.transport.Channel;
import io.godwit.engine.transport.MigrationUri;
import io.godwit.engine.waits.MigrationWaits;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/**
 * One migration to here. The thread {@code mig-incoming} waits for the source, takes the guest in and starts it. Until
 * then nothing runs here, so every error before the start leaves the guest with the source. In postcopy memory follows
 * after the start: then every error leaves the guest here, and a lost connection is replaced by {@link #recover}.
 */
public final class IncomingMigration implements AutoCloseable {
    private static final System.Logger LOG = System.getLogger(IncomingMigration.class.getName());

    /** What the thread is asked for while it waits for a source that is gone. */
    private sealed interface Request {
        record Recover(IncomingLink link) implements Request {}

        record End() implements Request {}
    }

    private final IncomingPlan plan;
    private final IncomingProgress progress = new IncomingProgress();
    private final MigrationWaits waits = new MigrationWaits(0);
    private final IncomingSession session;
    private final BlockingQueue<Request> requests = new LinkedBlockingQueue<>();
    private final CountDownLatch ended = new CountDownLatch(1);
    private final MigrationUri firstAddress;
    private volatile IncomingLink link;
    private volatile IncomingState state = new IncomingState.Setup();
    private volatile boolean closing;
    private volatile long endNanos;
    private volatile Optional<PageDigests> digests = Optional.empty();

    /**
     * Listens; the thread begins with {@link #start}.
     *
     * @throws MigrationException.Refused if the address cannot be used
     */
    public IncomingMigration(IncomingPlan plan) {
        this.plan = plan;
        this.session = new IncomingSession(plan, progress);
        this.link = new IncomingLink(plan.transports(), plan.uri(), plan.patience());
        this.firstAddress = link.address();
    }

    /** Starts the thread and returns. */
    public void start() {
        announce(state);
        try {
            Thread.ofPlatform().name("mig-incoming").start(this::run);
        } catch (Error e) {
            // No thread can be made: the migration ends where it began.
            fail(e);
            link.close();
            finish();
        }
    }

    /** Where a source can reach it. */
    public MigrationUri address() {
        return firstAddress;
    }

    /** Waits for the end. */
    public boolean awaitEnd(Duration timeout) throws InterruptedException {
        return ended.await(timeout.toNanos(), TimeUnit.NANOSECONDS);
    }

    /** Whether it has ended. */
    public boolean isEnded() {
        return ended.getCount() == 0;
    }

    /**
     * A control session has answered a command, which took {@code nanos}. It counts if the migration was under way in
     * any of that time.
     */
    public void commandTook(String name, long nanos) {
        if (!isEnded() || plan.clock().nanoTime() - nanos < endNanos) {
            waits.commandTook(name, nanos);
        }
    }

    /** Hashes of the pages as they came, once it has completed and where that was asked for. */
    public Optional<PageDigests> digests() {
        return digests;
    }

    /**
     * Cuts the connection on purpose; the guest goes on here until it needs a page that is missing.
     *
     * @throws MigrationException.Refused unless the guest runs here and there is a connection
     */
    public void pausePostcopy() {
        switch (state) {
            case IncomingState.PostcopyActive _, IncomingState.PostcopyRecover _ ->
                link.cut("paused by 'migrate-pause'");
            case IncomingState.Setup _,
                    IncomingState.Active _,
                    IncomingState.PostcopyLoading _,
                    IncomingState.PostcopyPaused _,
                    IncomingState.Completed _,
                    IncomingState.Failed _ ->
                throw new MigrationException.Refused("migrate-pause is possible in postcopy only, while the source is"
                        + " connected; this migration is '" + state.status().publicName() + "'.");
        }
    }

    /**
     * Listens for the source again; returns at once. After the completion of a postcopy too: its source may not have
     * heard of it.
     *
     * @throws MigrationException.Refused if this is no postcopy that lost its connection, or the address cannot be used
     */
    public synchronized void recover(MigrationUri uri) {
        boolean paused = state instanceof IncomingState.PostcopyPaused;
        boolean done =
                state instanceof IncomingState.Completed && session.postcopy().isPresent();
        if (closing || !(paused || done)) {
            throw new MigrationException.Refused("migrate-recover is possible in state 'postcopy-paused'"
                    + " only; this migration is '" + state.status().publicName() + "'.");
        }
        // Who asks again means another address: the one before it is given up.
        link.cut("migrate-recover was asked for again, with " + uri);
        IncomingLink next = new IncomingLink(plan.transports(), uri, plan.patience());
        link = next;
        if (paused) {
            requests.add(new Request.Recover(next));
        } else {
            Thread _ = Thread.ofPlatform().name("mig-incoming").start(() -> repeatLastWord(next));
        }
    }

    /** Gives up waiting or receiving; a guest that has arrived whole stays. Does not wait for the end. */
    @Override
    public synchronized void close() {
        closing = true;
        link.cut("this side is ending");
        requests.add(new Request.End());
    }

    private void run() {
        IncomingLink first = link;
        try {
            takeIn(first);
            serveRequests();
        } catch (RuntimeException | Error e) {
            fail(e);
        } finally {
            giveUpUnfinished();
            session.close();
            finish();
        }
    }

    private void finish() {
        waits.summarize();
        endNanos = plan.clock().nanoTime();
        ended.countDown();
    }

    private void takeIn(IncomingLink first) {
        try (first;
                Channel channel = first.accept();
                IncomingSession.Connected _ = session.connect(channel)) {
            if (!session.awaitBytes(Channel.FOREVER_NANOS)) {
                throw new MigrationException.Transport("the source closed the connection without a byte");
            }
            progress.firstByteNanos = plan.clock().nanoTime();
            become(new IncomingState.Active(), "the source has begun");
            takeInOrReject(first);
        }
    }

    private void takeInOrReject(IncomingLink first) {
        try {
            session.receive();
            if (session.postcopy().isPresent()) {
                postcopy().takeOver(first);
                return;
            }
            boolean run = session.load();
            session.start(run);
        } catch (PostcopyDestination.NotTakenOver e) {
            fail(e);
            rejectQuietly();
            e.end();
            return;
        } catch (RuntimeException | Error e) {
            fail(e);
            rejectQuietly();
            return;
        }
        // The guest runs here now, so nothing that happens to the wire from here on is an error of the migration.
        try {
            session.confirm();
        } catch (RuntimeException | Error e) {
            LOG.log(System.Logger.Level.WARNING, "the guest runs here, but the source could not be told so", e);
        }
        session.letRamChange();
        become(new IncomingState.Completed(), "the guest is here");
    }

    private PostcopyDestination postcopy() {
        return new PostcopyDestination(session, session.postcopy().orElseThrow(), plan.patience(), this::become);
    }

    /** While a part of the guest's memory is at a source that is not connected. */
    private void serveRequests() {
        while (state instanceof IncomingState.PostcopyPaused) {
            switch (nextRequest()) {
                case Request.End _ -> {
                    return;
                }
                case Request.Recover(IncomingLink next) -> {
                    try (next) {
                        postcopy().recover(next);
                    }
                }
            }
        }
    }

    private Request nextRequest() {
        while (true) {
            try {
                return requests.take();
            } catch (InterruptedException e) {
                LOG.log(System.Logger.Level.DEBUG, "interrupted while waiting for the source", e);
            }
        }
    }

    private void repeatLastWord(IncomingLink next) {
        try (next) {
            // The state is told before the first connection is closed, and the session serves one at a time.
            ended.await();
            postcopy().repeatLastWord(next);
        } catch (InterruptedException e) {
            LOG.log(System.Logger.Level.DEBUG, "interrupted before the source could be told that its guest is here", e);
        } catch (RuntimeException | Error e) {
            LOG.log(System.Logger.Level.WARNING, "the source could not be told that its guest is here", e);
        }
    }

    /** This side ends although memory is missing: the guest, which can no longer go on as what it was, is stopped. */
    private void giveUpUnfinished() {
        if (state.hasGuest() && !(state instanceof IncomingState.Completed)) {
            session.postcopy().ifPresent(arrival -> new UnfinishedGuest(plan.run(), arrival).stop());
        }
    }

    private void rejectQuietly() {
        try {
            session.reject();
        } catch (RuntimeException e) {
            LOG.log(System.Logger.Level.DEBUG, "the source could not be told that its guest was refused", e);
        }
    }

    private void fail(Throwable cause) {
        if (state.status().isEnded() || state.hasGuest()) {
            LOG.log(System.Logger.Level.WARNING, "after the end of the migration from " + plan.uri(), cause);
            return;
        }
        plan.run().arrivalFailed();
        String message = "The migration from " + plan.uri() + " failed: " + MigrationException.sentence(cause)
                + "; the guest was not started here and belongs to the source.";
        become(new IncomingState.Failed(message, GuestOwner.PEER), message);
    }

    /** The one place where the state changes; on {@code mig-incoming}. */
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
        if (next instanceof IncomingState.Completed) {
            digests = session.digests();
        }
        state = next;
        if (next.status() != old.status()) {
            announce(next);
        }
    }

    private void announce(IncomingState now) {
        MigrationListener.tell(plan.listeners(), l -> l.statusChanged(now.status()));
    }

    /** A picture of it as it is now. */
    public MigrationStatistics statistics() {
        IncomingState now = state;
        long first = progress.firstByteNanos;
        long until = isEnded() ? endNanos : plan.clock().nanoTime();
        long elapsed = first == 0 ? 0 : Math.max(1, until - first);
        Optional<String> error = switch (now) {
            case IncomingState.Failed failed -> Optional.of(failed.error());
            case IncomingState.PostcopyPaused paused -> Optional.of(paused.error());
            case IncomingState.Setup _,
                    IncomingState.Active _,
                    IncomingState.PostcopyLoading _,
                    IncomingState.PostcopyActive _,
                    IncomingState.PostcopyRecover _,
                    IncomingState.Completed _ -> Optional.empty();
        };
        Optional<GuestOwner> owner = now.hasGuest()
                ? Optional.of(GuestOwner.HERE)
                : now instanceof IncomingState.Failed failed ? Optional.of(failed.owner()) : Optional.empty();
        return new MigrationStatistics(
                now.status(),
                false,
                error,
                owner,
                Optional.of(link.address().toString()),
                ram(elapsed),
                new TimeStatistics(0, elapsed / 1_000_000, 0, 0, progress.parts, 0),
                ThrottleStatistics.NONE,
                waits.statistics(),
                session.arrival()
                        .flatMap(PostcopyArrival::statistics)
                        .map(figures -> figures.withSafety(session.safety().map(CheckpointTaker::statistics))),
                Optional.empty());
    }

    private RamStatistics ram(long elapsedNanos) {
        long bytes = progress.transferredBytes.get();
        return new RamStatistics(
                plan.guest().ram().snapshot().totalBytes(),
                0,
                bytes,
                progress.normalPages.get(),
                progress.zeroPages.get(),
                0,
                0,
                elapsedNanos == 0 ? 0 : (long) (bytes * 1e9 / elapsedNanos),
                "",
                Optional.empty());
    }
}
