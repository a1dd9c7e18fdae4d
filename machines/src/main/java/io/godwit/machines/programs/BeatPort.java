// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.programs;

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
    int awaitTick();

    /** Beats. */
    void beat();

    /** Whether the vCPU is wanted outside the guest. */
    boolean isPauseWanted();
}
