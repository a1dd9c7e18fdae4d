// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.incoming.checkpoint;

/** What the secondary's part tells the migration that it is a part of, and asks. Called by {@code mig-incoming}. */
public interface SecondaryControl {
    /** The guest runs here as the secondary. */
    void standsBy(String reason);

    /**
     * The primary is lost, and its token is not free yet.
     *
     * @param error why, and what to do
     */
    void waiting(String error);

    /** Whether somebody said that the primary is lost ({@code x-colo-lost-heartbeat}). */
    boolean isPrimaryGivenUp();

    /** Whether this side is ending. */
    boolean isEnding();

    /** The guest is ours. */
    void completed(String reason);
}
