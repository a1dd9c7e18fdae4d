// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.transport;

import io.godwit.linux.io.EventSignal;
import java.util.ArrayList;
import java.util.List;

/**
 * Ends all waits of one migration on its wire, connecting included. Raised at most once, by any thread; the first
 * reason counts.
 */
public final class AbortSignal implements AutoCloseable {
    private final EventSignal event = new EventSignal();
    private final List<Runnable> hearers = new ArrayList<>();
    private volatile String reason = "";
    private boolean closed;

    /** A signal that is not raised. */
    public AbortSignal() {}

    /** Raises it. After {@link #close} this does nothing. */
    public synchronized void raise(String why) {
        if (!closed && reason.isEmpty()) {
            reason = why;
            event.raise();
            hearers.forEach(Runnable::run);
        }
    }

    /**
     * For channels whose waits the signal's descriptor does not end: runs {@code hearer} when it is raised, on the
     * thread that raises it, or here and now if it was. The hearer must return at once.
     */
    public synchronized void whenRaised(Runnable hearer) {
        hearers.add(hearer);
        if (isRaised()) {
            hearer.run();
        }
    }

    /** Whether it was raised. */
    public boolean isRaised() {
        return !reason.isEmpty();
    }

    /** Why it was raised; empty if it was not. */
    public String reason() {
        return reason;
    }

    EventSignal event() {
        return event;
    }

    @Override
    public synchronized void close() {
        if (!closed) {
            closed = true;
            event.close();
        }
    }
}
