// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.transport;

/**
 * What a connection to the other side is for. One migration has one connection for each role at a time.
 *
 * <p>A new role is a new constant here, what opens it at the source, and what its first bytes look like at the
 * destination ({@link Recognition}).
 */
public enum ConnectionRole {
    /** The stream itself, and on its way back the destination's answers. The first of all. */
    MAIN("main connection"),
    /** Pages that the destination's guest waits for, past those that are under way on {@link #MAIN}. */
    PREEMPT("preempt channel"),
    /** What the guest has written at the destination, on its way back to the source. */
    EPOCHS("connection for epochs"),
    /** Requests, answers and heartbeats of COLO. */
    COMPARE("compare connection");

    private final String description;

    ConnectionRole(String description) {
        this.description = description;
    }

    /** In words, for messages. */
    public String description() {
        return description;
    }
}
