// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.guest;

import java.time.Duration;

/** The virtual CPUs of one guest, started and stopped together. Only {@link RunControl} calls these. */
public interface Vcpus {
    /** How many there are. */
    int count();

    /**
     * Stops every vCPU at an instruction boundary with no input or output pending. When this returns, the guest writes nothing
     * more and its device state can be saved. Pausing a paused guest does nothing.
     *
     * @throws VcpuStuckException if a vCPU did not come out within {@code deadline}; the others are running again then
     */
    void pause(Duration deadline);

    /** Lets every vCPU run. Resuming a running guest does nothing. */
    void resume();
}
