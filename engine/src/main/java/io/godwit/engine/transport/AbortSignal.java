// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.transport;

import io.godwit.linux.io.EventSignal;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * Ends all waits of one migration on its wire, connecting included. Raised at most once, by any thread; the first
 * reason counts.
 */
public final class AbortSignal implements AutoCloseable {
    /** What {@link #onRaise} set up; closing it takes that back. */
    public static final class Hook implements AutoCloseable {
        private final AbortSignal signal;
        private final Runnable action;

        private Hook(AbortSignal signal, Runnable action) {
            this.signal = signal;
            this.action = action;
        }

        /** The action may still be under way on another thread. Harmless when repeated. */
        @Override
        public void close() {
            signal.remove(this);
        }
    }

    private final EventSignal event = new EventSignal();
    private final Set<Hook> hooks = new LinkedHashSet<>();
    private volatile String reason = "";
    private boolean closed;

    /** A signal that is not raised. */
    public AbortSignal() {}

    /** Raises it. After {@link #close} this does nothing. */
    public void raise(String why) {
        List<Hook> called;
        synchronized (this) {
            if (closed || isRaised()) {
                return;
            }
            reason = why;
            event.raise();
            called = List.copyOf(hooks);
        }
        called.forEach(hook -> hook.action.run());
    }

    /** Whether it was raised. */
    public boolean isRaised() {
        return !reason.isEmpty();
    }

    /** Why it was raised; empty if it was not. */
    public String reason() {
        return reason;
    }

    /**
     * Has {@code action} run once when it is raised, by who raises it; at once if it was raised already. For who waits
     * otherwise than on a descriptor.
     *
     * @param action short, and waits for nothing
     */
    public Hook onRaise(Runnable action) {
        Hook hook = new Hook(this, action);
        synchronized (this) {
            if (!isRaised()) {
                hooks.add(hook);
                return hook;
            }
        }
        action.run();
        return hook;
    }

    private synchronized void remove(Hook hook) {
        boolean _ = hooks.remove(hook);
    }

    EventSignal event() {
        return event;
    }

    @Override
    public synchronized void close() {
        if (!closed) {
            closed = true;
            hooks.clear();
            event.close();
        }
    }
}
