// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.opaque;

import io.godwit.engine.guest.DeviceState;
import io.godwit.engine.guest.DirtyTracker;
import io.godwit.engine.guest.Guest;
import io.godwit.engine.guest.Vcpus;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.memory.RamBlocks;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.machines.guest.GuestKind;
import io.godwit.machines.guest.HostPages;
import io.godwit.machines.guest.Identity;
import io.godwit.machines.guest.Machine;
import io.godwit.machines.guest.Origin;
import io.godwit.machines.programs.Mismatch;
import io.godwit.machines.vcpu.HeartbeatMonitor;
import io.godwit.stream.Bytes;
import io.godwit.stream.DeviceSection;
import io.godwit.stream.RamBlockEntry;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/**
 * Takes in the guest of any source, a QEMU's too: its RAM blocks are made as the stream announces them, its devices
 * stay the bytes that they were on the wire. It cannot run and cannot be sent on.
 *
 * <p>Threads: the migration thread fills it; any thread may look. Memory and devices are whole once the migration has
 * completed.
 */
public final class OpaqueGuest implements Machine {
    /** Its machine type until a guest has arrived. */
    public static final String NO_MACHINE = "opaque";

    private static final String NOT_RUNNABLE =
            "this host keeps the guest's memory and its devices as bytes; it has no vCPUs that could run it";

    private final long maxMemoryBytes;
    private final RamBlocks ram = new RamBlocks(List.of());
    private final List<NativeMemory> memories = new ArrayList<>();
    private final Identity identity = new Identity(UUID.randomUUID(), Origin.ARRIVAL);
    private volatile Optional<String> machineType = Optional.empty();
    private volatile List<DeviceSection> deviceSections = List.of();
    private volatile Bytes opaqueDevices = Bytes.empty();

    /**
     * An empty one.
     *
     * @param maxMemoryBytes all RAM blocks together; a guest with more is refused before anything is mapped for it
     */
    public OpaqueGuest(long maxMemoryBytes) {
        if (maxMemoryBytes < RamBlock.PAGE_BYTES) {
            throw new IllegalArgumentException(
                    "a limit of " + maxMemoryBytes + " bytes leaves no room for a single page");
        }
        this.maxMemoryBytes = maxMemoryBytes;
    }

    /** The machine type of the guest that has arrived; {@link #NO_MACHINE} before. */
    @Override
    public String machineType() {
        return machineType.orElse(NO_MACHINE);
    }

    @Override
    public UUID identity() {
        return identity.uuid();
    }

    @Override
    public void assumeIdentity(UUID arriving) {
        identity.assume(arriving);
    }

    @Override
    public RamBlocks ram() {
        return ram;
    }

    /** The devices' sections in the order of the stream, {@code globalstate} too; empty before all have come. */
    public List<DeviceSection> deviceSections() {
        return deviceSections;
    }

    /** Nothing writes here, so nothing is tracked. */
    @Override
    public DirtyTracker dirtyTracker() {
        return DirtyTracker.NONE;
    }

    @Override
    public Vcpus vcpus() {
        return Vcpus.NONE;
    }

    /** None: what came cannot be loaded into anything. See {@link #deviceSections}. */
    @Override
    public List<DeviceState> devices() {
        return List.of();
    }

    @Override
    public void acceptMachine(String arriving) {
        if (machineType.isPresent()) {
            throw new MigrationException.Protocol("a guest of machine type '" + machineType.get()
                    + "' is here already; another, of type '" + arriving + "', does not fit beside it");
        }
        machineType = Optional.of(arriving);
    }

    @Override
    public void acceptRam(List<RamBlockEntry> arriving) {
        long total = 0;
        for (RamBlockEntry entry : arriving) {
            HostPages _ = pages(entry);
            // Both are below 2^63, so the comparison cannot wrap.
            if (entry.usedLength() > maxMemoryBytes - total) {
                throw new MigrationException.Protocol(
                        "the source's RAM blocks up to '" + entry.idstr() + "' have more than the " + maxMemoryBytes
                                + " bytes that this host takes; start it with a higher limit");
            }
            total += entry.usedLength();
        }
        for (RamBlockEntry entry : arriving) {
            HostPages pages = pages(entry);
            NativeMemory memory = map(entry, pages);
            memories.add(memory);
            ram.add(new RamBlock(entry.idstr(), memory, pages.byteLength()), RamBlocks.Gate.OPEN);
        }
    }

    /** The source's pages: with postcopy both sides need the same, and a source that says nothing has ordinary ones. */
    private static HostPages pages(RamBlockEntry entry) {
        long byteLength = entry.pageSize().orElse(RamBlock.PAGE_BYTES);
        try {
            HostPages pages = HostPages.ofByteLength(byteLength);
            if (entry.usedLength() % pages.byteLength() == 0) {
                return pages;
            }
        } catch (IllegalArgumentException e) {
            // Said below, with the block's name.
        }
        throw new MigrationException.Protocol(
                "RAM block '" + entry.idstr() + "' of " + entry.usedLength() + " bytes has pages of " + byteLength
                        + " bytes at the source; this host takes whole pages of 4 KiB or 2 MiB");
    }

    private static NativeMemory map(RamBlockEntry entry, HostPages pages) {
        try {
            return pages.map(entry.idstr(), entry.usedLength());
        } catch (UnsupportedOperationException e) {
            throw new MigrationException.Machine("RAM block '" + entry.idstr() + "': " + e.getMessage(), e);
        }
    }

    @Override
    public void acceptDevices(List<DeviceSection> arriving) {
        deviceSections = List.copyOf(arriving);
    }

    @Override
    public void acceptOpaqueDevices(Bytes sections) {
        opaqueDevices = sections;
    }

    /** The devices of a guest that came by postcopy, in one piece: nothing says where one ends; empty else. */
    public Bytes opaqueDevices() {
        return opaqueDevices;
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

    @Override
    public GuestKind kind() {
        return GuestKind.OPAQUE;
    }

    /** Of no vCPU: nothing beats here. */
    @Override
    public HeartbeatMonitor heartbeats() {
        return new HeartbeatMonitor(0);
    }

    @Override
    public long guestBeats() {
        return 0;
    }

    @Override
    public long workPages() {
        return 0;
    }

    @Override
    public long mismatches() {
        return 0;
    }

    @Override
    public Optional<Mismatch> firstMismatch() {
        return Optional.empty();
    }

    @Override
    public void pagesPerSecond(long rate) {
        throw new MigrationException.Refused(NOT_RUNNABLE);
    }

    @Override
    public Optional<Throwable> failure() {
        return Optional.empty();
    }

    /** Unmaps the memory; no migration may be under way. */
    @Override
    public void close() {
        memories.forEach(NativeMemory::close);
    }
}
