// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.guest;

import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.memory.RamBlocks;
import io.godwit.engine.memory.WantedPages;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.stream.Bytes;
import io.godwit.stream.DeviceSection;
import io.godwit.stream.GlobalState;
import io.godwit.stream.RamBlockEntry;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A virtual machine as the engine sees it: what runs, writes and can be sent. A guest that arrives is taken in by
 * another one, see {@link Arrival}.
 *
 * <p>Threads: all methods may be called from any thread; the engine calls {@link DirtyTracker} and {@link DeviceState}
 * from its migration thread only.
 */
public interface Guest extends Arrival, AutoCloseable {
    /** The machine type that both ends must agree on, as the stream's configuration section names it. */
    String machineType();

    /** What the guest writes while it runs. */
    @Override
    DirtyTracker dirtyTracker();

    /** The virtual CPUs. */
    @Override
    Vcpus vcpus();

    /** Everything that is not memory, in the order in which it is saved and loaded. */
    List<DeviceState> devices();

    /** {@inheritDoc} Here: the machine type must be the same. */
    @Override
    default void acceptMachine(String arriving) {
        if (!arriving.equals(machineType())) {
            throw new MigrationException.Protocol(
                    "the source's machine type is '" + arriving + "', this guest's is '" + machineType() + "'");
        }
    }

    /**
     * {@inheritDoc} Here: the same blocks with the same lengths, in any order; what this guest lacks is {@linkplain
     * #ramPlug plugged in} if that can be.
     */
    @Override
    default void acceptRam(List<RamBlockEntry> arriving) {
        for (RamBlockEntry entry : arriving) {
            RamBlock block = ram().snapshot()
                    .find(entry.idstr())
                    .or(() -> ramPlug().map(plug -> plug.plug(entry, RamBlocks.Gate.OPEN)))
                    .orElseThrow(() -> new MigrationException.Protocol(
                            "the source has a RAM block '" + entry.idstr() + "', this guest has none"));
            if (block.usedLength() != entry.usedLength()) {
                throw new MigrationException.Protocol("RAM block '" + entry.idstr() + "' is " + entry.usedLength()
                        + " bytes long at the source and " + block.usedLength() + " here");
            }
        }
        int ours = ram().snapshot().blocks().size();
        if (arriving.size() != ours) {
            throw new MigrationException.Protocol(
                    "the source has " + arriving.size() + " RAM blocks, this guest has " + ours);
        }
    }

    /**
     * {@inheritDoc} Here: each section must belong to a device of this guest, and each device must get one; {@code
     * globalstate}, which is the run state and no device's, is left to the engine.
     */
    @Override
    default void acceptDevices(List<DeviceSection> arriving) {
        List<DeviceState> waiting = new ArrayList<>(devices());
        for (DeviceSection section : arriving) {
            if (section.idstr().equals(GlobalState.IDSTR)) {
                continue;
            }
            DeviceState device = waiting.stream()
                    .filter(d -> d.idstr().equals(section.idstr()) && d.instanceId() == section.instanceId())
                    .findFirst()
                    .orElseThrow(() -> new MigrationException.Protocol("the source sent a device " + section.idstr()
                            + "/" + section.instanceId() + ", which this guest does not have, or has had already; "
                            + "was it made with other options?"));
            waiting.remove(device);
            device.load(section);
        }
        if (!waiting.isEmpty()) {
            DeviceState first = waiting.getFirst();
            throw new MigrationException.Protocol("the source sent no state for device " + first.idstr() + "/"
                    + first.instanceId() + "; was its guest made with other options?");
        }
    }

    /**
     * What a guest has that stands still for good and can only be sent: it has no devices that could be asked, and
     * nothing is gained by passes over its memory. Empty if it can run here.
     */
    default Optional<KeptState> keptState() {
        return Optional.empty();
    }

    /** Which of its pages are worth more than others in postcopy. Here: nothing is known. */
    default WantedPages wantedPages() {
        return WantedPages.NONE;
    }

    /** What leaves the guest towards the world; empty if that cannot be held back. */
    default Optional<Outputs> outputs() {
        return Optional.empty();
    }

    /** What the guest is asked and answers, so that a second copy can be asked the same; empty if that is unknown. */
    default Optional<Traffic> traffic() {
        return Optional.empty();
    }

    /** Tells which pages are free while the guest runs; empty if nobody can. */
    default Optional<FreePageReporter> freePages() {
        return Optional.empty();
    }

    /** {@inheritDoc} Here: refused. */
    @Override
    default void acceptOpaqueDevices(Bytes sections) {
        throw new MigrationException.Protocol("the source sent " + sections.byteLength()
                + " bytes of device state that cannot be told apart; this guest knows its own devices only");
    }

    /** {@inheritDoc} Here: it does. */
    @Override
    default boolean faultsInKernel() {
        return true;
    }

    /** Itself. */
    @Override
    default Optional<Guest> guest() {
        return Optional.of(this);
    }

    /** Ends the guest for ever: vCPU threads stopped and joined, memory unmapped, descriptors closed. */
    @Override
    void close();
}
