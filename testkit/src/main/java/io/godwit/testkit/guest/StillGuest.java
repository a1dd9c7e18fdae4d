// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.testkit.guest;

import io.godwit.engine.guest.DeviceState;
import io.godwit.engine.guest.DirtyTracker;
import io.godwit.engine.guest.Guest;
import io.godwit.engine.guest.Vcpus;
import io.godwit.engine.memory.PageBitmap;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.memory.RamBlocks;
import io.godwit.linux.memory.NativeMemory;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.function.ToLongFunction;

/**
 * A guest that does nothing by itself: its tracker and its vCPUs say and keep what a test wants. One thread at a time.
 */
public final class StillGuest implements Guest, DirtyTracker, Vcpus {
    private final NativeMemory memory;
    private final RamBlocks blocks;
    private final int[] percent;

    /** What a harvest does, which is to set bits of pages that it has found, and how many it says these are. */
    public ToLongFunction<PageBitmap> onHarvest = _ -> 0;

    /** What the tracker says of vCPUs. */
    public long[] vcpuPages = {};

    /** The block that is harvested, or was last. */
    public Optional<RamBlock> harvested = Optional.empty();

    /** What a start of the tracker does besides. */
    public Runnable onStart = () -> {};

    /** How often the tracker was started, less how often it was stopped. */
    public int tracking;

    /** A guest with one block of memory. */
    public StillGuest(long bytes, int vcpus) {
        memory = NativeMemory.mapAnonymous(bytes);
        blocks = new RamBlocks(List.of(new RamBlock("ram", memory)));
        percent = new int[vcpus];
    }

    public NativeMemory memory() {
        return memory;
    }

    /** What is taken from each vCPU. */
    public int[] percents() {
        return percent.clone();
    }

    @Override
    public String machineType() {
        return "still";
    }

    @Override
    public UUID identity() {
        return new UUID(1, 2);
    }

    @Override
    public void assumeIdentity(UUID identity) {}

    @Override
    public RamBlocks ram() {
        return blocks;
    }

    @Override
    public DirtyTracker dirtyTracker() {
        return this;
    }

    @Override
    public Vcpus vcpus() {
        return this;
    }

    @Override
    public List<DeviceState> devices() {
        return List.of();
    }

    @Override
    public void start() {
        tracking++;
        onStart.run();
    }

    @Override
    public long harvest(RamBlock block, PageBitmap found) {
        harvested = Optional.of(block);
        return onHarvest.applyAsLong(found);
    }

    @Override
    public long[] vcpuPages() {
        return vcpuPages.clone();
    }

    @Override
    public void stop() {
        tracking--;
    }

    @Override
    public String description() {
        return "a test";
    }

    @Override
    public int count() {
        return percent.length;
    }

    @Override
    public void throttle(int vcpu, int wanted) {
        percent[vcpu] = wanted;
    }

    @Override
    public void pause(Duration deadline) {}

    @Override
    public void resume() {}

    @Override
    public void close() {
        memory.close();
    }
}
