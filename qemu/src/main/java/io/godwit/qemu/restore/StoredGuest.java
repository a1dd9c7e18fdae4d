// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.qemu.restore;

import io.godwit.engine.guest.DeviceState;
import io.godwit.engine.guest.DirtyTracker;
import io.godwit.engine.guest.Guest;
import io.godwit.engine.guest.KeptState;
import io.godwit.engine.guest.Vcpus;
import io.godwit.engine.memory.PageBatch;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.memory.RamBlocks;
import io.godwit.engine.memory.WantedPages;
import io.godwit.store.DamageException;
import io.godwit.store.SnapshotName;
import io.godwit.store.Store;
import io.godwit.store.StoreException;
import io.godwit.store.pages.PlaceNumber;
import io.godwit.store.snapshots.AccessTrace;
import io.godwit.store.snapshots.Manifest;
import io.godwit.store.snapshots.SavedBlock;
import io.godwit.store.snapshots.SavedDevice;
import io.godwit.store.snapshots.Snapshot;
import io.godwit.stream.DeviceSection;
import io.godwit.stream.StreamFormatException;
import io.godwit.stream.VmDescription;
import io.godwit.stream.VmStateDescription;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;

/** A guest of a store, which stands still and can only be sent. Its snapshot is held until {@link #close}. */
public final class StoredGuest implements Guest {
    private static final int FEW_PAGES = 512;

    private final Manifest manifest;
    private final StoredPages pages;
    private final RamBlocks ram;
    private final KeptState state;
    private final UUID identity;
    private final TracedPages traced;
    private volatile Optional<StoreException> trouble = Optional.empty();

    /** What {@code manifest} says, with pages from there, which are closed with it. */
    StoredGuest(Manifest manifest, StoredPages pages, Optional<AccessTrace> trace) {
        this.traced = new TracedPages(manifest.blocks(), trace);
        this.manifest = manifest;
        this.pages = pages;
        List<RamBlock> blocks = new ArrayList<>();
        for (int i = 0; i < manifest.blocks().size(); i++) {
            int index = i;
            SavedBlock block = manifest.blocks().get(i);
            blocks.add(RamBlock.of(
                    block.idstr(),
                    block.byteLength(),
                    Math.toIntExact(block.hostPageBytes()),
                    batch -> locate(index, batch)));
        }
        this.ram = new RamBlocks(blocks);
        this.state = new KeptState(manifest.configuration(), sections(manifest));
        this.identity = manifest.configuration().uuid().orElseGet(UUID::randomUUID);
    }

    /**
     * Opens a guest of a store, and looks at all of it but its pages, which are looked at when they are read. One of
     * them is read here: what reads pages is then loaded before a guest waits for one.
     *
     * @throws DamageException if it is not what was written
     */
    public static StoredGuest open(Store store, SnapshotName name) {
        Snapshot snapshot = store.snapshot(name);
        SnapshotPages pages = new SnapshotPages(snapshot, () -> store.snapshot(name));
        try {
            snapshot.checkReadable();
            readOnePage(snapshot);
            return new StoredGuest(snapshot.manifest(), pages, store.trace(name));
        } catch (RuntimeException | Error e) {
            pages.close();
            throw e;
        }
    }

    private static void readOnePage(Snapshot snapshot) {
        long[] places = new long[FEW_PAGES];
        List<SavedBlock> blocks = snapshot.manifest().blocks();
        for (int block = 0; block < blocks.size(); block++) {
            int count = (int) Math.min(FEW_PAGES, blocks.get(block).pageCount());
            snapshot.places(block, 0, count, places);
            for (int i = 0; i < count; i++) {
                if (PlaceNumber.isStored(places[i])) {
                    snapshot.page(places[i], new byte[RamBlock.PAGE_BYTES], 0);
                    return;
                }
            }
        }
    }

    /** What the store says of it. */
    public Manifest manifest() {
        return manifest;
    }

    /** Which pages it wanted first, if more is known of that now than before. Behind the end of its restore. */
    public Optional<AccessTrace> learnt() {
        return traced.learnt();
    }

    /** What the store said, if a page could not be read. */
    Optional<StoreException> trouble() {
        return trouble;
    }

    private void locate(int block, PageBatch batch) {
        try {
            pages.locate(block, batch);
        } catch (StoreException e) {
            trouble = Optional.of(e);
            throw e;
        }
    }

    private static List<DeviceSection> sections(Manifest manifest) {
        Map<String, VmStateDescription> states = new HashMap<>();
        if (!manifest.vmDescription().isEmpty()) {
            try {
                VmDescription.parse(manifest.vmDescription())
                        .devices()
                        .forEach(device -> states.put(key(device.idstr(), device.instanceId()), device.state()));
            } catch (StreamFormatException _) {
                // Then they stay opaque.
            }
        }
        return manifest.devices().stream()
                .map(device -> section(device, states))
                .toList();
    }

    private static DeviceSection section(SavedDevice device, Map<String, VmStateDescription> states) {
        VmStateDescription state = states.getOrDefault(
                key(device.idstr(), device.instanceId()),
                VmStateDescription.opaque(device.payload().byteLength()));
        return new DeviceSection(device.idstr(), device.instanceId(), device.versionId(), device.payload(), state);
    }

    private static String key(String idstr, int instanceId) {
        return instanceId + "/" + idstr;
    }

    @Override
    public String machineType() {
        return state.configuration().machine();
    }

    @Override
    public UUID identity() {
        return identity;
    }

    @Override
    public void assumeIdentity(UUID other) {
        throw new IllegalStateException("a stored guest takes nobody in");
    }

    @Override
    public RamBlocks ram() {
        return ram;
    }

    /** {@inheritDoc} Nothing: it stands still. */
    @Override
    public DirtyTracker dirtyTracker() {
        return DirtyTracker.NONE;
    }

    /** {@inheritDoc} None: it stands still. */
    @Override
    public Vcpus vcpus() {
        return Vcpus.NONE;
    }

    /** {@inheritDoc} None that could be asked: see {@link #keptState}. */
    @Override
    public List<DeviceState> devices() {
        return List.of();
    }

    @Override
    public WantedPages wantedPages() {
        return traced;
    }

    @Override
    public Optional<KeptState> keptState() {
        return Optional.of(state);
    }

    /** Lets go of the snapshot; with no migration of it under way. */
    @Override
    public void close() {
        pages.close();
    }
}
