// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing.checkpoint;

/** What protection tells the migration that it is a part of, and asks. Called by {@code mig-outgoing}. */
public interface ProtectionControl {
    /** The secondary runs, and so does the guest here. */
    void begun(String reason);

    /**
     * The secondary is lost and nobody can know whether it goes on by itself.
     *
     * @param error why, and what to do
     */
    void undecided(String error);

    /** What people have decided. */
    Decision decision();
}
