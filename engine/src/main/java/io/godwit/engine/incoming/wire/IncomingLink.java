// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.incoming.wire;

import io.godwit.engine.transport.AbortSignal;
import io.godwit.engine.transport.Channel;
import io.godwit.engine.transport.Listening;
import io.godwit.engine.transport.MigrationUri;
import io.godwit.engine.transport.Transports;
import java.time.Duration;

/**
 * An address where the source can reach this side, and what ends the waits of all connections that came in there. A
 * migration that lost its connection gets a new one.
 *
 * <p>Threads: {@link #cut} any; closing is for {@code mig-incoming}, after the threads that use it have ended.
 */
public final class IncomingLink implements AutoCloseable {
    private final AbortSignal abort = new AbortSignal();
    private final AbortSignal preemptAbort = new AbortSignal();
    private final Listening listening;

    /**
     * Listens.
     *
     * @throws io.godwit.engine.outcome.MigrationException.Refused if the address cannot be used
     */
    public IncomingLink(Transports transports, MigrationUri uri, Duration patience) {
        try {
            listening = transports.listen(uri, patience, abort);
        } catch (RuntimeException | Error e) {
            abort.close();
            preemptAbort.close();
            throw e;
        }
    }

    public MigrationUri address() {
        return listening.address();
    }

    /** Waits for the main connection, until {@link #cut}. */
    public Channel accept() {
        return listening.accept();
    }

    /** Whether more than one connection can come. */
    public boolean takesMore() {
        return listening.takesMore();
    }

    /** Waits for a further connection, until {@link #cut} or {@link #endPreempt}. */
    public Channel acceptPreempt() {
        return listening.acceptFurther(preemptAbort);
    }

    /** Ends all waits of all connections with this reason; the first one counts. */
    public void cut(String reason) {
        abort.raise(reason);
        preemptAbort.raise(reason);
    }

    /** Whether {@link #cut} was called. */
    public boolean isCut() {
        return abort.isRaised();
    }

    /** Ends the waits of all connections but the main one. */
    public void endPreempt() {
        preemptAbort.raise("all pages have come");
    }

    @Override
    public void close() {
        listening.close();
        abort.close();
        preemptAbort.close();
    }
}
