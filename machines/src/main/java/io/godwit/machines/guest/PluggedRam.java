// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.guest;

import io.godwit.engine.guest.DeviceState;
import io.godwit.engine.guest.RamPlug;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.memory.RamBlocks;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.linux.memory.Advice;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.machines.programs.BootLayout;
import io.godwit.stream.RamBlockEntry;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The DIMMs of a machine. Where the guest lives each has an address from the beginning; where it is awaited they are
 * made as the source announces them, and shown to the guest when its devices have come, which know the addresses.
 *
 * <p>Threads: any; the lock is held for mapping and for KVM's own work on one slot, never for sending.
 */
public final class PluggedRam implements RamPlug, AutoCloseable, DimmState.Slots {
    /** How many a guest can have. */
    public static final int MAX_DIMMS = 32;

    // As QEMU's q35: nothing is plugged in below 4 GiB.
    private static final long LOWEST_ADDRESS = 4L << 30;
    private static final long GIB = 1L << 30;

    /** LIMIT: a section's name is a byte long, and {@link DimmState}'s has another word behind the block's name. */
    private static final int MAX_NAME_BYTES = 250;

    /** What a kind of machine does so that its guest has the memory and writes to it are tracked. */
    public interface Hardware {
        /** Tracks the memory and shows it to the guest. */
        void insert(Dimm dimm);

        /** Hides it from the guest and tracks it no more. */
        void remove(Dimm dimm);
    }

    private final RamBlocks blocks;
    private final long roomBytes;
    private final long lowestAddress;
    private final Hardware hardware;
    private final ReentrantLock lock = new ReentrantLock();
    private final Map<String, String> ids = new ConcurrentHashMap<>();
    private volatile List<Dimm> dimms = List.of();

    // Guarded by lock.
    private boolean placesKnown;

    /** No DIMM yet. */
    PluggedRam(GuestOptions options, Origin origin, RamBlocks blocks, Hardware hardware) {
        this.blocks = blocks;
        this.roomBytes = options.pluggableBytes();
        this.lowestAddress = Math.max(LOWEST_ADDRESS, (options.memoryBytes() + GIB - 1) / GIB * GIB);
        this.hardware = hardware;
        this.placesKnown = origin == Origin.BOOT;
    }

    /** What is plugged in now, in the order in which it came. */
    public List<Dimm> dimms() {
        // What the guest has is what its list of blocks has, from one moment to the next: a DIMM is kept here a little
        // longer on either side.
        List<RamBlock> listed = blocks.snapshot().blocks();
        return dimms.stream().filter(dimm -> listed.contains(dimm.block())).toList();
    }

    @Override
    public Optional<Dimm> dimm(RamBlock block) {
        return dimms().stream().filter(dimm -> dimm.block() == block).findFirst();
    }

    /** How much may be plugged in, all in all, in bytes. */
    public long roomBytes() {
        return roomBytes;
    }

    /**
     * The next block of this name becomes the memory of a device of this id; one that nobody has named is called like
     * its block.
     */
    public void name(String blockName, String deviceId) {
        String _ = ids.put(blockName, deviceId);
    }

    @Override
    public RamBlock plug(RamBlockEntry entry, RamBlocks.Gate gate) {
        lock.lock();
        try {
            blocks.refuseIfHeld();
            refuse(entry);
            NativeMemory memory = HostPages.ORDINARY.map(entry.idstr(), entry.usedLength());
            try {
                memory.advise(0, entry.usedLength(), Advice.HUGEPAGE);
                RamBlock block = new RamBlock(entry.idstr(), memory);
                Dimm dimm = new Dimm(
                        ids.getOrDefault(entry.idstr(), entry.idstr()),
                        block,
                        freeSlot(),
                        placesKnown ? OptionalLong.of(freeAddress(entry.usedLength())) : OptionalLong.empty());
                insert(dimm, gate);
                return block;
            } catch (RuntimeException | Error e) {
                memory.close();
                throw e;
            }
        } finally {
            lock.unlock();
        }
    }

    private void refuse(RamBlockEntry entry) {
        long used = 0;
        for (Dimm dimm : dimms) {
            used += dimm.block().usedLength();
        }
        String what = "Memory '" + entry.idstr() + "' of " + entry.usedLength() + " bytes cannot be plugged in: ";
        if (entry.idstr().getBytes(StandardCharsets.UTF_8).length > MAX_NAME_BYTES) {
            throw new MigrationException.Refused(
                    what + "its name may have " + MAX_NAME_BYTES + " bytes, so that its place can be told by it.");
        }
        if (entry.usedLength() % BootLayout.GRANULE != 0) {
            throw new MigrationException.Refused(what + "it must be a multiple of " + BootLayout.GRANULE + ".");
        }
        if (entry.usedLength() > roomBytes - used) {
            throw new MigrationException.Refused(
                    what + used + " of " + roomBytes + " bytes are in use; a host is given more with --max-memory.");
        }
        if (dimms.size() == MAX_DIMMS) {
            throw new MigrationException.Refused(what + "all of its " + MAX_DIMMS + " slots are in use.");
        }
        if (blocks.snapshot().find(entry.idstr()).isPresent()) {
            throw new MigrationException.Refused(what + "a RAM block of that name is there already.");
        }
    }

    private void insert(Dimm dimm, RamBlocks.Gate gate) {
        if (placesKnown) {
            hardware.insert(dimm);
        }
        List<Dimm> before = dimms;
        List<Dimm> next = new ArrayList<>(before);
        next.add(dimm);
        dimms = List.copyOf(next);
        try {
            blocks.add(dimm.block(), gate);
        } catch (RuntimeException | Error e) {
            // Held, or gone, since we looked: as if nothing had been.
            dimms = before;
            if (placesKnown) {
                hardware.remove(dimm);
            }
            throw e;
        }
    }

    private int freeSlot() {
        List<Integer> used = dimms.stream().map(Dimm::slot).toList();
        int slot = 0;
        while (used.contains(slot)) {
            slot++;
        }
        return slot;
    }

    /** The lowest place that is free. */
    private long freeAddress(long byteLength) {
        long address = lowestAddress;
        List<Dimm> byAddress = dimms.stream()
                .sorted(Comparator.comparingLong(dimm -> dimm.address().orElseThrow()))
                .toList();
        for (Dimm dimm : byAddress) {
            long start = dimm.address().orElseThrow();
            if (address + byteLength <= start) {
                return address;
            }
            address = start + dimm.block().usedLength();
        }
        return address;
    }

    @Override
    public void unplug(RamBlock block, RamBlocks.Gate gate) {
        lock.lock();
        try {
            Dimm dimm = dimm(block)
                    .orElseThrow(() -> new MigrationException.Refused("RAM block '" + block.idstr()
                            + "' is what the guest was made with; it cannot be taken away."));
            // Our own use keeps the memory from being freed before the guest has lost sight of it; for ever, if KVM
            // does not let go.
            boolean _ = block.beginUse();
            NativeMemory memory = block.memory();
            try {
                blocks.remove(block, gate, memory::close);
            } catch (RuntimeException | Error e) {
                block.endUse();
                throw e;
            }
            dimms = dimms.stream().filter(one -> one.slot() != dimm.slot()).toList();
            if (dimm.address().isPresent()) {
                hardware.remove(dimm);
            }
            block.endUse();
        } finally {
            lock.unlock();
        }
    }

    @Override
    public void place(RamBlock block, String id, long address) {
        lock.lock();
        try {
            Dimm before = dimm(block).orElseThrow(() -> new IllegalArgumentException(block + " is not plugged in"));
            long length = block.usedLength();
            if (address % BootLayout.GRANULE != 0
                    || address < lowestAddress
                    || address - lowestAddress > BootLayout.MAX_BYTE_LENGTH - length) {
                throw new IllegalArgumentException(
                        "it has the address 0x%x; possible are multiples of 2 MiB from 0x%x on"
                                .formatted(address, lowestAddress));
            }
            for (Dimm other : dimms) {
                if (other.slot() != before.slot() && overlaps(other, address, length)) {
                    throw new IllegalArgumentException("at 0x%x it lies over '%s'".formatted(address, other.id()));
                }
                if (other.slot() != before.slot() && other.id().equals(id)) {
                    throw new IllegalArgumentException("another one is called '%s' too".formatted(id));
                }
            }
            before.address().ifPresent(_ -> hardware.remove(before));
            Dimm placed = before.at(id, address);
            dimms = dimms.stream()
                    .map(dimm -> dimm.slot() == placed.slot() ? placed : dimm)
                    .toList();
            hardware.insert(placed);
        } finally {
            lock.unlock();
        }
    }

    private static boolean overlaps(Dimm other, long address, long length) {
        return other.address().isPresent()
                && address < other.address().getAsLong() + other.block().usedLength()
                && other.address().getAsLong() < address + length;
    }

    /** All devices have come: what is plugged in from now on gets a place here. */
    void arrived() {
        lock.lock();
        try {
            placesKnown = true;
        } finally {
            lock.unlock();
        }
    }

    /** The DIMMs as devices. */
    List<DeviceState> devices() {
        return dimms().stream()
                .<DeviceState>map(dimm -> new DimmState(this, dimm.block()))
                .toList();
    }

    /** Frees what is still there; nobody uses it any more. */
    @Override
    public void close() {
        dimms.forEach(dimm -> dimm.block().memory().close());
    }
}
