// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.qemu.capture;

import io.godwit.engine.guest.Arrival;
import io.godwit.engine.guest.Guest;
import io.godwit.engine.memory.PrecopyPlace;
import io.godwit.engine.memory.RamBlocks;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.store.snapshots.SavedDevice;
import io.godwit.stream.Bytes;
import io.godwit.stream.Configuration;
import io.godwit.stream.DeviceSection;
import io.godwit.stream.RamBlockEntry;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/** Takes in a guest that is only kept, beside its pages: nothing of it lies in this process's memory. */
final class CapturedGuest implements Arrival {
    private final RamBlocks none = new RamBlocks(List.of());
    private final PrecopyPlace.Choice places;
    private final Runnable whole;
    private volatile UUID identity = UUID.randomUUID();
    private volatile Optional<Configuration> configuration = Optional.empty();
    private volatile List<SavedDevice> devices = List.of();
    private volatile String vmDescription = "";

    /**
     * Awaits a guest.
     *
     * @param places where its pages go
     * @param whole called on {@code mig-incoming} when all of the guest has come, before its source is told so; what
     *     it throws is the end of the migration, and the source keeps its guest
     */
    CapturedGuest(PrecopyPlace.Choice places, Runnable whole) {
        this.places = places;
        this.whole = whole;
    }

    @Override
    public UUID identity() {
        return identity;
    }

    @Override
    public void assumeIdentity(UUID arriving) {
        identity = arriving;
    }

    /** None: see {@link #places}. */
    @Override
    public RamBlocks ram() {
        return none;
    }

    /** {@inheritDoc} Here: any does. */
    @Override
    public void acceptMachine(String arriving) {
        // Whatever it is, it is kept; see acceptConfiguration.
    }

    /** {@inheritDoc} Here: the place of its pages checks them. */
    @Override
    public void acceptRam(List<RamBlockEntry> arriving) {
        // Any number of any length.
    }

    @Override
    public void acceptConfiguration(Configuration arriving) {
        configuration = Optional.of(arriving);
    }

    /** What the source says of the machine, once that has come. */
    Configuration configuration() {
        return configuration.orElseThrow();
    }

    @Override
    public void acceptDescription(String arriving) {
        vmDescription = arriving;
    }

    /** The source's description of the devices; empty before all have come. */
    String vmDescription() {
        return vmDescription;
    }

    @Override
    public void acceptDevices(List<DeviceSection> arriving) {
        devices = arriving.stream().map(SavedDevice::of).toList();
        whole.run();
    }

    /** The devices, in the order of the stream; empty before all have come. */
    List<SavedDevice> devices() {
        return devices;
    }

    @Override
    public void acceptOpaqueDevices(Bytes sections) {
        throw new MigrationException.Protocol(
                "the source went on by postcopy, whose devices come in one piece; a capture takes precopy only");
    }

    @Override
    public Optional<PrecopyPlace.Choice> places() {
        return Optional.of(places);
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
