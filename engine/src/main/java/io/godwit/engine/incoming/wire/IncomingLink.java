// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.incoming.wire;

import io.godwit.engine.incoming.plan.IncomingPlan;
import io.godwit.engine.transport.AbortSignal;
import io.godwit.engine.transport.Channel;
import io.godwit.engine.transport.ConnectionRole;
import io.godwit.engine.transport.Doorman;
import io.godwit.engine.transport.MigrationUri;
import io.godwit.stream.RamBlockEntry;
import java.util.List;
import java.util.Optional;

/**
 * An address where the source can reach this side, and what ends the waits of all connections that came in there. A
 * migration that lost its connection gets a new one.
 *
 * <p>Threads: {@link #cut} and {@link #address} any; {@link #listen} who asks for it, before all others; closing is for
 * {@code mig-incoming}, after the threads that use it have ended.
 */
public final class IncomingLink implements AutoCloseable {
    private final AbortSignal abort = new AbortSignal();
    private final AbortSignal furtherAbort = new AbortSignal();
    private final IncomingPlan plan;
    private final MigrationUri wanted;
    private final FirstWords words;
    private volatile Optional<Doorman> door = Optional.empty();

    /**
     * Nobody can come before {@link #listen}.
     *
     * @param resumes whether the stream has begun on another connection
     */
    public IncomingLink(IncomingPlan plan, MigrationUri uri, boolean resumes) {
        this.plan = plan;
        this.wanted = uri;
        this.words = new FirstWords(resumes, plan.postcopy());
    }

    /**
     * Listens, once. May wait for the address of a name; {@link #cut} ends that. After an error it is closed.
     *
     * @throws io.godwit.engine.outcome.MigrationException.Refused if the address cannot be used
     */
    public void listen() {
        try {
            door = Optional.of(new Doorman(
                    plan.transports().listen(wanted, plan.patience(), abort),
                    words,
                    plan.patience(),
                    plan.environment()));
        } catch (RuntimeException | Error e) {
            close();
            throw e;
        }
    }

    private Doorman doorman() {
        return door.orElseThrow(() -> new IllegalStateException("nobody listens at " + wanted));
    }

    /** Where the source can come in, once this side listens. */
    public Optional<MigrationUri> address() {
        return door.map(Doorman::address);
    }

    /** Waits for the source's main connection, until {@link #cut}. */
    public Channel accept() {
        return doorman().open(ConnectionRole.MAIN, abort);
    }

    /** Whether more than one connection can come. */
    public boolean takesMore() {
        return doorman().takesMore();
    }

    /** Whether there is, or may come, a connection with pages besides the main one. */
    public boolean mayBringPages() {
        return doorman().mayHave(ConnectionRole.PREEMPT);
    }

    /** From now on a further connection may begin with a page of one of these blocks. */
    public void expectPages(List<RamBlockEntry> blocks) {
        words.pagesOf(blocks);
        doorman().reconsider();
    }

    /** Waits for a further connection of the source, until {@link #cut} or {@link #endFurther}. */
    public Channel acceptFurther(ConnectionRole role) {
        return doorman().open(role, furtherAbort);
    }

    /** Ends all waits of all connections with this reason; the first one counts. */
    public void cut(String reason) {
        abort.raise(reason);
        furtherAbort.raise(reason);
    }

    /** Whether {@link #cut} was called. */
    public boolean isCut() {
        return abort.isRaised();
    }

    /** Ends the waits of all connections but the main one. */
    public void endFurther() {
        furtherAbort.raise("all pages have come");
    }

    @Override
    public void close() {
        door.ifPresent(Doorman::close);
        abort.close();
        furtherAbort.close();
    }
}
