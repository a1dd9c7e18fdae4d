// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.qemu.capture;

import io.godwit.engine.guest.Arrival;
import io.godwit.engine.guest.Guest;
import io.godwit.engine.memory.RamBlocks;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.stream.Bytes;
import io.godwit.stream.DeviceSection;
import io.godwit.stream.RamBlockEntry;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/** Takes in a guest that is only kept, beside its pages: nothing of it lies in this process's memory. */
final class CapturedGuest implements Arrival {
    private final RamBlocks none = new RamBlocks(List.of());
    private volatile UUID identity = UUID.randomUUID();
    private volatile List<DeviceSection> devices = List.of();

    @Override
    public UUID identity() {
        return identity;
    }

    @Override
    public void assumeIdentity(UUID arriving) {
        identity = arriving;
    }

    /** None: its pages go to the store. */
    @Override
    public RamBlocks ram() {
        return none;
    }

    /** {@inheritDoc} Here: any does. */
    @Override
    public void acceptMachine(String arriving) {
        // Whatever it is, it is kept.
    }

    /** {@inheritDoc} Here: the place of its pages checks them. */
    @Override
    public void acceptRam(List<RamBlockEntry> arriving) {
        // Any number of any length.
    }

    @Override
    public void acceptDevices(List<DeviceSection> arriving) {
        devices = List.copyOf(arriving);
    }

    /** The devices, in the order of the stream; empty before all have come. */
    List<DeviceSection> devices() {
        return devices;
    }

    @Override
    public void acceptOpaqueDevices(Bytes sections) {
        throw new MigrationException.Protocol(
                "the source went on by postcopy, whose devices come in one piece; a capture takes precopy only");
    }

    /** Never: nothing runs here. */
    @Override
    public boolean faultsInKernel() {
        return false;
    }

    /** None: it is only kept. */
    @Override
    public Optional<Guest> guest() {
        return Optional.empty();
    }
}
