// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.incoming;

import io.godwit.engine.GuestOwner;
import io.godwit.engine.MigrationException;
import io.godwit.engine.MigrationListener;
import io.godwit.engine.MigrationStatistics;
import io.godwit.engine.MigrationStatus;
import io.godwit.engine.MonotonicClock;
import io.godwit.engine.guest.Guest;
import io.godwit.engine.guest.RunControl;
import io.godwit.engine.memory.PageDigests;
import io.godwit.engine.transport.AbortSignal;
import io.godwit.engine.transport.Channel;
import io.godwit.engine.transport.Listening;
import io.godwit.engine.transport.MigrationUri;
import io.godwit.engine.transport.Transports;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * One migration to here. The thread {@code mig-incoming} waits for the source, takes the guest in and starts it. Until then nothing runs
 * here, so every error before the start leaves the guest with the source.
 */
public final class IncomingMigration implements AutoCloseable {
    private static final System.Logger LOG = System.getLogger(IncomingMigration.class.getName());

    /**
     * What a migration is made of.
     *
     * @param withDigests whether to hash each page as it comes, for a later comparison with the source
     */
    public record Plan(
            Guest guest,
            RunControl run,
            MigrationUri uri,
            Duration patience,
            boolean withDigests,
            List<MigrationListener> listeners,
            MonotonicClock clock) {}

    private final Plan plan;
    private final IncomingProgress progress = new IncomingProgress();
    private final AbortSignal abort = new AbortSignal();
    private final Listening listening;
    private final CountDownLatch ended = new CountDownLatch(1);
    private volatile IncomingState state = new IncomingState.Setup();
    private volatile long endNanos;
    private volatile Optional<PageDigests> digests = Optional.empty();

    /**
     * Listens; the thread begins with {@link #start}.
     *
     * @throws MigrationException.Refused if the address cannot be used
     */
    public IncomingMigration(Plan plan) {
        this.plan = plan;
        try {
            this.listening = Transports.listen(plan.uri(), plan.patience(), abort);
        } catch (RuntimeException | Error e) {
            abort.close();
            throw e;
        }
    }

    /** Starts the thread and returns. */
    public void start() {
        announce(state);
        try {
            Thread.ofPlatform().name("mig-incoming").start(this::run);
        } catch (Error e) {
            // No thread can be made: the migration ends where it began.
            fail(e);
            listening.close();
            abort.close();
            finish();
        }
    }

    /** Where a source can reach it. */
    public MigrationUri address() {
        return listening.address();
    }

    /**
     * Cuts the connection on purpose; the guest goes on here until it needs a page that is missing.
     *
     * @throws MigrationException.Refused in any other state than {@code postcopy-active}
     */
    public void pausePostcopy() {
        refuseUnlessIn(MigrationStatus.POSTCOPY_ACTIVE, "migrate-pause");
    }

    /**
     * Listens for the source again; returns at once.
     *
     * @throws MigrationException.Refused in any other state than {@code postcopy-paused}, or if the address cannot be used
     */
    public void recover(MigrationUri uri) {
        refuseUnlessIn(MigrationStatus.POSTCOPY_PAUSED, "migrate-recover at " + uri);
    }

    private void refuseUnlessIn(MigrationStatus wanted, String what) {
        MigrationStatus now = state.status();
        if (now != wanted) {
            throw new MigrationException.Refused(what + " is possible in state '" + wanted.publicName()
                    + "' only; this migration is in state '" + now.publicName() + "'.");
        }
    }

    /** Waits for the end. */
    public boolean awaitEnd(Duration timeout) throws InterruptedException {
        return ended.await(timeout.toNanos(), TimeUnit.NANOSECONDS);
    }

    /** Whether it has ended. */
    public boolean isEnded() {
        return ended.getCount() == 0;
    }

    /** Hashes of the pages as they came, once it has completed and where that was asked for. */
    public Optional<PageDigests> digests() {
        return digests;
    }

    /** Gives up waiting or receiving; a guest that has arrived stays. Does not wait for the end. */
    @Override
    public void close() {
        abort.raise("this side is ending");
    }

    private void run() {
        try (abort;
                listening;
                Channel channel = listening.accept();
                IncomingSession session = new IncomingSession(plan, channel, progress)) {
            takeIn(session);
        } catch (RuntimeException | Error e) {
            fail(e);
        } finally {
            finish();
        }
    }

    private void finish() {
        endNanos = plan.clock().nanoTime();
        ended.countDown();
    }

    private void takeIn(IncomingSession session) {
        session.awaitFirstBytes();
        progress.firstByteNanos = plan.clock().nanoTime();
        become(new IncomingState.Active(), "the source has begun");
        try {
            session.receive();
            boolean run = session.load();
            session.start(run);
        } catch (RuntimeException | Error e) {
            fail(e);
            rejectQuietly(session);
            return;
        }
        // The guest runs here now, so nothing that happens to the wire from here on is an error of the migration.
        digests = session.digests();
        try {
            session.confirm();
        } catch (RuntimeException | Error e) {
            LOG.log(System.Logger.Level.WARNING, "the guest runs here, but the source could not be told so", e);
        }
        become(new IncomingState.Completed(), "the guest is here");
    }

    private static void rejectQuietly(IncomingSession session) {
        try {
            session.reject();
        } catch (RuntimeException e) {
            LOG.log(System.Logger.Level.DEBUG, "the source could not be told that its guest was refused", e);
        }
    }

    private void fail(Throwable cause) {
        if (state.status().isEnded()) {
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
        state = next;
        announce(next);
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
        long bytes = progress.transferredBytes.get();
        Optional<IncomingState.Failed> failure =
                now instanceof IncomingState.Failed failed ? Optional.of(failed) : Optional.empty();
        Optional<GuestOwner> owner = now instanceof IncomingState.Completed
                ? Optional.of(GuestOwner.HERE)
                : failure.map(IncomingState.Failed::owner);
        return new MigrationStatistics(
                now.status(),
                false,
                failure.map(IncomingState.Failed::error),
                owner,
                0,
                plan.guest().ram().snapshot().totalBytes(),
                0,
                bytes,
                progress.normalPages.get(),
                progress.zeroPages.get(),
                0,
                elapsed == 0 ? 0 : (long) (bytes * 1e9 / elapsed),
                0,
                0,
                elapsed / 1_000_000,
                0,
                progress.parts,
                0,
                "",
                Optional.of(address().toString()),
                Optional.empty());
    }
}
