// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing.postcopy;

import io.godwit.engine.outcome.GuestOwner;
import io.godwit.engine.transport.AbortSignal;
import io.godwit.engine.transport.MigrationUri;
import java.util.Optional;
import java.util.function.BooleanSupplier;

/** What postcopy tells the migration that it is a part of, and waits for. Called by {@code mig-outgoing}. */
public interface PostcopyControl {
    /**
     * Somebody wants postcopy to go on.
     *
     * @param uri where the destination waits
     * @param abort ends the new connection's waits
     */
    record Resume(MigrationUri uri, AbortSignal abort) {}

    /**
     * The connection is lost.
     *
     * @param error why, and what to do
     * @param owner {@link GuestOwner#PEER}, or {@link GuestOwner#UNDECIDED} if the destination may have begun
     * @param reason the same for the log
     */
    void paused(String error, GuestOwner owner, String reason);

    /** Connected again; the destination says what it has. */
    void recovering(String reason);

    /** Pages go to the destination again. */
    void active(String reason);

    /**
     * While the connection is lost: waits until somebody resumes; empty if this side is ending.
     *
     * @param over looked at now and then: whether nobody has to resume any more; empty then
     */
    Optional<Resume> awaitResume(BooleanSupplier over);
}
