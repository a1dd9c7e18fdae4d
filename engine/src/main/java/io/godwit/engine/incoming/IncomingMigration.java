// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.incoming;

import io.godwit.engine.checkpoint.CheckpointTaker;
import io.godwit.engine.environment.Latch;
import io.godwit.engine.environment.ThreadRole;
import io.godwit.engine.environment.Worker;
import io.godwit.engine.incoming.plan.IncomingPlan;
import io.godwit.engine.incoming.plan.IncomingProgress;
import io.godwit.engine.incoming.postcopy.Postcopy;
import io.godwit.engine.incoming.postcopy.PostcopyArrival;
import io.godwit.engine.incoming.postcopy.UnfinishedGuest;
import io.godwit.engine.incoming.wire.IncomingLink;
import io.godwit.engine.incoming.wire.SourceStream;
import io.godwit.engine.memory.PageDigests;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.report.MigrationStatistics;
import io.godwit.engine.report.PostcopyStatistics;
import io.godwit.engine.transport.Channel;
import io.godwit.engine.transport.MigrationUri;
import io.godwit.engine.waits.MigrationWaits;
import java.time.Duration;
import java.util.Optional;

/**
 * One migration to here. The thread {@code mig-incoming} waits for the source, takes the guest in and starts it. Until
 * then nothing runs here, so every error before the start leaves the guest with the source. In postcopy memory follows
 * after the start: then every error leaves the guest here, and a lost connection is replaced by {@link #recover}.
 */
public final class IncomingMigration implements AutoCloseable {
    private static final System.Logger LOG = System.getLogger(IncomingMigration.class.getName());

    private final IncomingPlan plan;
    private final IncomingProgress progress = new IncomingProgress();
    private final MigrationWaits waits = new MigrationWaits(0);
    private final IncomingControl control;
    private final IncomingSession session;
    private final Latch ended;
    private volatile long endNanos;

    /** Prepares; nobody can come before {@link #listen}. */
    public IncomingMigration(IncomingPlan plan) {
        this.plan = plan;
        this.ended = new Latch(plan.environment());
        this.control = new IncomingControl(plan);
        this.session = new IncomingSession(plan, progress, control);
    }

    /**
     * Listens; the thread begins with {@link #start}. May wait for the address of a name; {@link #close} ends that.
     *
     * @throws MigrationException.Refused if the address cannot be used: then this migration has ended before it began
     */
    public void listen() {
        try {
            control.link().listen();
        } catch (RuntimeException | Error e) {
            finish();
            throw e;
        }
    }

    /** Starts the thread and returns. */
    public void start() {
        control.begin();
        try {
            Worker _ = plan.environment().start(ThreadRole.INCOMING, this::run);
        } catch (Error e) {
            // No thread can be made: the migration ends where it began.
            control.fail(e);
            control.link().close();
            finish();
        }
    }

    /** Waits for the end. */
    public boolean awaitEnd(Duration timeout) throws InterruptedException {
        return ended.await(timeout);
    }

    /** Whether it has ended. */
    public boolean isEnded() {
        return ended.isOpen();
    }

    /** Where a source can reach it, once it listens. */
    public Optional<MigrationUri> address() {
        return control.link().address();
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
        return control.state() instanceof IncomingState.Completed ? session.digests() : Optional.empty();
    }

    /**
     * Does nothing: the source decides.
     *
     * @throws MigrationException.Refused in postcopy, where it cannot be cancelled there either
     */
    public void cancel() {
        if (control.state().status().isPostcopy()) {
            throw MigrationException.Refused.cancelInPostcopy();
        }
    }

    /**
     * Cuts the connection on purpose; the guest goes on here until it needs a page that is missing.
     *
     * @throws MigrationException.Refused unless the guest runs here and there is a connection
     */
    public void pausePostcopy() {
        control.pausePostcopy();
    }

    /**
     * Listens for the source again; waits for nothing but the address of a name. After the completion of a postcopy
     * too: its source may not have heard of it.
     *
     * @throws MigrationException.Refused if this is no postcopy that lost its connection, or the address cannot be
     *     used: who listened before goes on listening
     */
    public void recover(MigrationUri uri) {
        control.recover(uri, session.postcopy().isPresent())
                .ifPresent(link -> plan.environment().start(ThreadRole.INCOMING, () -> repeatLastWord(link)));
    }

    /**
     * The primary is lost for certain: the guest that stands by here goes on.
     *
     * @throws MigrationException.Refused if none does
     */
    public void failOver() {
        control.failOver();
    }

    /** Gives up waiting or receiving; a guest that has arrived whole stays. Does not wait for the end. */
    @Override
    public void close() {
        control.end();
    }

    private void run() {
        try {
            takeIn(control.link());
            serveRequests();
        } catch (RuntimeException | Error e) {
            control.fail(e);
        } finally {
            end();
        }
    }

    /** Whatever fails here, the end is told. */
    private void end() {
        try {
            giveUpUnfinished();
            session.close();
        } finally {
            finish();
        }
    }

    private void finish() {
        waits.summarize();
        endNanos = plan.clock().nanoTime();
        ended.open();
    }

    private void takeIn(IncomingLink first) {
        try (first;
                Channel channel = first.accept();
                SourceStream.Connected _ = session.connect(channel)) {
            if (!session.stream().awaitBytes(Channel.FOREVER_NANOS)) {
                throw new MigrationException.Transport("the source closed the connection without a byte");
            }
            progress.firstByteNanos = plan.clock().nanoTime();
            control.begun();
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
            if (session.isColo()) {
                session.standBy();
                session.letRamChange();
                return;
            }
            session.takeOver();
        } catch (Postcopy.NotTakenOver e) {
            control.fail(e);
            rejectQuietly(e);
            e.end();
            return;
        } catch (RuntimeException | Error e) {
            boolean stoodBy = control.state() instanceof IncomingState.Colo;
            control.fail(e);
            if (!stoodBy) {
                rejectQuietly(e);
            }
            return;
        }
        // The guest runs here now, so nothing that happens to the wire from here on is an error of the migration.
        try {
            session.confirm();
        } catch (RuntimeException | Error e) {
            LOG.log(System.Logger.Level.WARNING, "the guest runs here, but the source could not be told so", e);
        }
        session.letRamChange();
        control.completed("the guest is here");
    }

    private void rejectQuietly(Throwable cause) {
        try {
            session.reject(MigrationException.sentence(cause));
        } catch (RuntimeException e) {
            LOG.log(System.Logger.Level.DEBUG, "the source could not be told that its guest was refused", e);
        }
    }

    private Postcopy postcopy() {
        return new Postcopy(session, session.postcopy().orElseThrow(), plan.patience(), control);
    }

    /** While a part of the guest's memory is at a source that is not connected. */
    private void serveRequests() {
        while (control.state() instanceof IncomingState.PostcopyPaused) {
            switch (control.nextRequest()) {
                case IncomingControl.Request.End _ -> {
                    return;
                }
                case IncomingControl.Request.Recover(IncomingLink next) -> {
                    try (next) {
                        postcopy().recover(next);
                    }
                }
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
        IncomingState state = control.state();
        if (state.hasGuest() && !(state instanceof IncomingState.Completed)) {
            session.postcopy()
                    .ifPresent(arrival -> new UnfinishedGuest(plan.environment(), plan.run(), arrival).stop());
        }
    }

    /** A picture of it as it is now. */
    public MigrationStatistics statistics() {
        IncomingState now = control.state();
        Optional<PostcopyStatistics> postcopy = session.watched()
                .flatMap(PostcopyArrival::statistics)
                .map(figures -> figures.withSafety(session.safety().map(CheckpointTaker::statistics)));
        return IncomingReport.of(
                plan,
                now,
                address(),
                progress,
                waits.statistics(),
                postcopy,
                isEnded() ? endNanos : plan.clock().nanoTime());
    }
}
