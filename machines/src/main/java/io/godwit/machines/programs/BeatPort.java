// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.programs;

import java.util.function.BooleanSupplier;

/** The host's side of a vCPU's heartbeat. Belongs to the vCPU's thread. */
public interface BeatPort {
    /** Port on which a program beats and waits for the next tick. */
    int WAIT_PORT = 0x660;

    /** Port on which a program beats and goes on. */
    int BEAT_PORT = 0x664;

    /**
     * Beats, then waits for the next tick of 100 microseconds or a pause.
     *
     * @return ticks since the last call, 0 if a pause came first; at most {@code MAX_TICKS}
     */
    default int awaitTick() {
        return awaitTick(() -> false);
    }

    /** The same, which ends earlier when {@code early} is true; who makes it so unparks the vCPU's thread. */
    int awaitTick(BooleanSupplier early);

    /** Beats. */
    void beat();

    /**
     * The program waits for a page of its memory and changes nothing until {@link #endStandstill}: a pause is granted
     * meanwhile, so that a page that never comes keeps nobody from stopping the guest.
     */
    void beginStandstill();

    /**
     * The page is there. Waits as long as a pause is wanted.
     *
     * @return false if the vCPU shall end: then the program returns and touches nothing any more
     */
    boolean endStandstill();

    /** Whether {@link #wrote} is wanted: a migration tracks what the program writes. */
    boolean isWatched();

    /** A write to a page took {@code nanos}, with whatever tracks it. */
    void wrote(long nanos);

    /** Whether the vCPU is wanted outside the guest. */
    boolean isPauseWanted();
}
