// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.guest;

import io.godwit.engine.memory.KernelMissingPages;
import io.godwit.engine.memory.MissingPages;
import io.godwit.engine.memory.PrecopyPlace;
import io.godwit.engine.memory.RamBlocks;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.stream.Bytes;
import io.godwit.stream.Configuration;
import io.godwit.stream.DeviceSection;
import io.godwit.stream.RamBlockEntry;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/**
 * What takes in a guest that arrives: who it is, its memory, its devices. A {@link Guest} is one, which runs with what
 * has come. Another may only keep it, and has no guest behind it.
 *
 * <p>Threads: all methods may be called from any thread; a migration calls those that accept from {@code mig-incoming}
 * only, in the order machine, identity, RAM, devices.
 */
public interface Arrival {
    /** Who has arrived, or is awaited: the name of the token that gives the right to run it. */
    UUID identity();

    /**
     * Takes over the identity of the guest that is arriving; called once, before anything is loaded.
     *
     * @throws IllegalStateException if this has an identity of its own that differs
     */
    void assumeIdentity(UUID identity);

    /** The memory that has arrived, or waits for what arrives. */
    RamBlocks ram();

    /** What runs it; none where it only arrives. */
    default Vcpus vcpus() {
        return Vcpus.NONE;
    }

    /** What it writes while it runs; nothing where it only arrives. */
    default DirtyTracker dirtyTracker() {
        return DirtyTracker.NONE;
    }

    /** Adds and takes away memory; empty if it stays as it is. */
    default Optional<RamPlug> ramPlug() {
        return Optional.empty();
    }

    /**
     * Says whether the guest that is arriving fits, before its memory comes.
     *
     * @throws MigrationException.Protocol if it does not
     */
    void acceptMachine(String arriving);

    /**
     * The same with all that the source's configuration says; the machine is what most go by.
     *
     * @throws MigrationException.Protocol if it does not fit
     */
    default void acceptConfiguration(Configuration arriving) {
        acceptMachine(arriving.machine());
    }

    /**
     * Says whether the arriving guest's memory fits, or makes it.
     *
     * @throws MigrationException.Protocol if it does not fit
     */
    void acceptRam(List<RamBlockEntry> arriving);

    /**
     * Takes over the devices' state, after all memory has come.
     *
     * @param arriving all sections in the order of the stream, {@code globalstate} too
     * @throws MigrationException.Protocol if they do not fit
     * @throws DeviceStateException if a device refuses its state
     */
    void acceptDevices(List<DeviceSection> arriving);

    /** The source's description of its devices' state, JSON, right before it; for whoever keeps what arrives. */
    default void acceptDescription(String vmDescription) {}

    /**
     * Takes over the devices of a postcopy source as one piece: without a description nothing says where one section
     * ends and the next begins, so only who keeps bytes can take those of machines that it does not know.
     *
     * @param sections the packaged command's bytes, see {@link io.godwit.stream.Command.Packaged}
     * @throws MigrationException.Protocol if it does not take them
     */
    void acceptOpaqueDevices(Bytes sections);

    /**
     * Whether the kernel touches the memory for the guest, as KVM_RUN does; else only code of this process does, and
     * only by native calls. Who arrives by postcopy needs a privilege for the former.
     */
    boolean faultsInKernel();

    /** Where its memory goes while it is at its source; empty if into {@link #ram}. */
    default Optional<PrecopyPlace.Choice> places() {
        return Optional.empty();
    }

    /** How pages are noticed that it lacks while it arrives by postcopy, and filled. Here: by the kernel. */
    default MissingPages missingPages() {
        return new KernelMissingPages(faultsInKernel());
    }

    /** The guest that can run with what has arrived; empty if it is only kept. */
    Optional<Guest> guest();
}
