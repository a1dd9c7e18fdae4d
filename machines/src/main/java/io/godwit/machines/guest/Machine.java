// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.guest;

import io.godwit.engine.guest.Guest;
import io.godwit.engine.guest.Outputs;
import io.godwit.engine.guest.Traffic;
import io.godwit.machines.programs.Mismatch;
import io.godwit.machines.service.ServiceDevice;
import io.godwit.machines.vcpu.HeartbeatMonitor;
import java.util.Optional;

/** A guest that we host, with what its host can tell about it. Any thread may ask. */
public interface Machine extends Guest {
    /** The name of the block that holds all RAM. */
    String RAM_BLOCK = "godwit.ram";

    /** What runs it: any but AUTO. */
    GuestKind kind();

    /** When the guest beat on this host. */
    HeartbeatMonitor heartbeats();

    @Override
    default Optional<Outputs> outputs() {
        Outputs beats = heartbeats().outputs();
        return Optional.of(service()
                .<Outputs>map(device -> new JointOutputs(beats, device.outputs()))
                .orElse(beats));
    }

    /** The device of a guest that is a service; empty for others. */
    default Optional<ServiceDevice> service() {
        return Optional.empty();
    }

    @Override
    default Optional<Traffic> traffic() {
        return service().map(device -> device);
    }

    /** Pages that the program has rewritten in all its life, on all hosts. */
    long workPages();

    /** The same of each vCPU; empty for a guest that does not run here. */
    default long[] vcpuWorkPages() {
        return new long[0];
    }

    /**
     * Heartbeats as the program counts them, in all its life, on all hosts; whether or not the world has heard them.
     */
    long guestBeats();

    /** Pages that did not hold what the program wrote there last, in all its life. */
    long mismatches();

    /** The first mismatch of the first vCPU that has one. */
    Optional<Mismatch> firstMismatch();

    /**
     * How often a KVM guest's stepper waited how long for a page that it touched, by the buckets of {@link
     * io.godwit.machines.programs.TouchCounts}, in all its life; empty or 0 for others.
     */
    default long[] touches() {
        return new long[0];
    }

    /** Changes the rate of the program while it runs; 0 is unlimited. */
    void pagesPerSecond(long rate);

    /** What was plugged into it; empty if it cannot have more memory than it was made with. */
    default Optional<PluggedRam> plugged() {
        return Optional.empty();
    }

    /** Why the guest stopped by itself, if it did. */
    Optional<Throwable> failure();
}
