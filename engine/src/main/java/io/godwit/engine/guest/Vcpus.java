// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.guest;

import io.godwit.engine.outcome.MigrationException;
import java.time.Duration;
import java.util.Optional;

/** The virtual CPUs of one guest, started and stopped together, which only {@link RunControl} does. */
public interface Vcpus {
    /** Of something that is only kept: none, and nothing runs. */
    Vcpus NONE = new Vcpus() {
        @Override
        public int count() {
            return 0;
        }

        @Override
        public void pause(Duration deadline) {}

        @Override
        public void resume() {
            throw new MigrationException.Refused(
                    "This host keeps the guest's memory and its devices as bytes; it has no vCPUs that could run it.");
        }
    };

    /** How many there are. */
    int count();

    /**
     * Stops every vCPU at an instruction boundary with no input or output pending. When this returns, the guest writes
     * nothing more and its device state can be saved. Pausing a paused guest does nothing.
     *
     * @throws VcpuStuckException if a vCPU did not come out within {@code deadline}; the others are running again then
     */
    void pause(Duration deadline);

    /**
     * Why a vCPU stopped for ever by itself, if one did: the guest has crashed and cannot go on. Asked often, so it
     * must be quick.
     */
    default Optional<Throwable> failure() {
        return Optional.empty();
    }

    /**
     * The kernel's thread ids of the vCPUs in their order, so that a page fault can be told to be one of theirs; 0 for
     * one that has no thread now. Empty where it is not known.
     */
    default int[] threadIds() {
        return new int[0];
    }

    /**
     * Takes away so many percent of one vCPU's time from now on, 0 to 99; returns at once. A vCPU that never comes out
     * by itself is made to. Any thread. Here: nothing, for guests whose time nobody can take.
     */
    default void throttle(int vcpu, int percent) {}

    /**
     * For how long {@link #throttle} has kept each vCPU from running so far, in nanoseconds. Any thread. Empty where it
     * does nothing.
     */
    default long[] throttledNanos() {
        return new long[0];
    }

    /**
     * From now on {@code waits} hears how long vCPUs are kept from running by what tracks them, and nobody else does;
     * empty: nobody. Any thread. Here: nobody.
     */
    default void watchWaits(Optional<VcpuWaits> waits) {}

    /** Lets every vCPU run. Resuming a running guest does nothing. */
    void resume();
}
