// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.guest;

import io.godwit.engine.outcome.GuestOwner;

/**
 * What the parts of {@link RunControl} may do with its guest: start it, stop it, and name its state. All with the lock
 * held.
 */
interface VcpuSwitch {
    /** What the guest is doing. */
    RunState state();

    /** Whether the guest waits here for its right, and nobody else decides what comes next. */
    boolean waits();

    /**
     * Makes a guest that runs stand still, because the right to run is lost.
     *
     * @throws VcpuStuckException if it does not
     */
    void stop();

    /**
     * The guest stands still, and its state is this one.
     *
     * @throws VcpuStuckException if it does not
     */
    void stopAs(RunState next, String reason);

    /** What the token's record says next names no secondary any more. */
    void abandonProtection();

    /** It runs, with what the token's record has to say written down. */
    void startWithRight(String reason);

    /** It runs. */
    void start(String reason);

    /** With the token won: it runs, or is paused. */
    void goOn(boolean run);

    /** Its state is this one. */
    void become(RunState next, String reason);

    /** The guest belongs to {@code owner}, which is not this side. */
    void leaveTo(GuestOwner owner, String reason);
}
