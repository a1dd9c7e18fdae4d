// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing.postcopy;

import io.godwit.engine.checkpoint.CheckpointKeeper;
import io.godwit.engine.environment.ThreadRole;
import io.godwit.engine.environment.Worker;
import io.godwit.engine.outcome.GuestOwner;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.outgoing.plan.OutgoingPlan;
import io.godwit.engine.outgoing.plan.PostcopyProgress;
import io.godwit.engine.transport.AbortSignal;
import io.godwit.engine.transport.Channel;
import io.godwit.engine.transport.ConnectionRole;
import io.godwit.engine.transport.MigrationUri;
import java.time.Duration;

/**
 * The source's part of {@code postcopy-safe}, over all connections of a migration: keeps what the destination sends
 * back, and brings the guest back when the destination has died. Used on {@code mig-outgoing}; each connection has a
 * thread {@code mig-epochs}.
 */
public final class SafetySource implements AutoCloseable {
    private static final System.Logger LOG = System.getLogger(SafetySource.class.getName());

    /** LIMIT: an epoch that was sent before the wire broke is there within this time. */
    private static final Duration LAST_EPOCH = Duration.ofMillis(100);

    private final OutgoingPlan plan;
    private final CheckpointKeeper keeper;

    public SafetySource(OutgoingPlan plan, PostcopyProgress progress) {
        this.plan = plan;
        this.keeper = new CheckpointKeeper(plan.guest(), plan.clock(), progress::safety);
    }

    /**
     * Opens a connection for epochs beside the others to the same address.
     *
     * @param others ends the waits of the other connections; raised if this one breaks, since nothing is safe without
     * it
     */
    public Connection connect(MigrationUri uri, AbortSignal others) {
        AbortSignal abort = new AbortSignal();
        try {
            return new Connection(plan.connections(uri).open(ConnectionRole.EPOCHS, abort), abort, others);
        } catch (RuntimeException | Error e) {
            abort.close();
            throw e;
        }
    }

    /** Whether the guest belongs to the destination for good. */
    boolean isOver() {
        return keeper.isOver();
    }

    /**
     * Brings the guest back if the destination has died.
     *
     * @param ranAtSwitch whether it ran when it was stopped for the switch
     * @return as {@link io.godwit.engine.guest.RunControl#takeBackFrom}; {@link GuestOwner#PEER} if safety has ended
     */
    public GuestOwner takeBack(boolean ranAtSwitch, Duration patience) {
        return keeper.isOver() ? GuestOwner.PEER : plan.run().takeBackFrom(patience, () -> keeper.restore(ranAtSwitch));
    }

    /** What to tell of a guest that was brought back. */
    MigrationException describeReturn(Throwable cause) {
        CheckpointKeeper.Epoch epoch = keeper.newest();
        String from = epoch.number() == 0
                ? "goes on here as it was at the switch to postcopy"
                : "goes on here from epoch " + epoch.number() + ", the last that came back whole; at most "
                        + (plan.clock().nanoTime() - epoch.receivedNanos()) / 1_000_000
                        + " ms of its work are undone, of which nobody has seen anything";
        return new MigrationException.Transport(
                "the destination is gone (" + MigrationException.sentence(cause) + "): the guest " + from, cause);
    }

    /** Frees what was kept; connections are closed before. */
    @Override
    public void close() {
        keeper.close();
    }

    /** One connection for epochs and the thread that reads it. */
    final class Connection implements AutoCloseable {
        private final Channel channel;
        private final AbortSignal abort;
        private final AbortSignal others;
        private final Worker thread;

        Connection(Channel channel, AbortSignal abort, AbortSignal others) {
            this.channel = channel;
            this.abort = abort;
            this.others = others;
            this.thread = plan.environment().start(ThreadRole.EPOCHS, this::keep);
        }

        private void keep() {
            try {
                keeper.keep(channel, (int) plan.parameters().get().safeEpochMillis());
            } catch (RuntimeException | Error e) {
                LOG.log(
                        System.Logger.Level.DEBUG,
                        "guest {0}: {1}",
                        plan.guest().identity(),
                        MigrationException.sentence(e));
                others.raise("the guest is no longer safe: " + MigrationException.sentence(e));
            }
        }

        /** Takes in what has come, and ends the thread. */
        @Override
        public void close() {
            boolean interrupted = false;
            try {
                boolean _ = thread.awaitEnd(LAST_EPOCH);
            } catch (InterruptedException _) {
                interrupted = true;
            }
            abort.raise("the connection is given up");
            thread.awaitEnd();
            channel.close();
            abort.close();
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }
}
