// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.testkit.guest;

import io.godwit.engine.Migrator;
import io.godwit.engine.guest.RamPlug;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.memory.RamBlocks;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.tracking.MarkedPagesTracker;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.stream.RamBlockEntry;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicInteger;

/** Memory that comes and goes in tests: tracked by marks, and counted when it is freed. */
public final class TestPlug implements RamPlug {
    private final RamBlocks blocks;
    private final MarkedPagesTracker tracker;
    private final long limitBytes;
    private final RamBlock first;
    public final AtomicInteger made = new AtomicInteger();
    public final AtomicInteger freed = new AtomicInteger();
    /** After everything has been looked at, before the list is changed. */
    public volatile Runnable beforeChange = () -> {};

    public TestPlug(RamBlocks blocks, MarkedPagesTracker tracker, long limitBytes) {
        this.blocks = blocks;
        this.tracker = tracker;
        this.limitBytes = limitBytes;
        this.first = blocks.snapshot().blocks().getFirst();
    }

    @Override
    public synchronized RamBlock plug(RamBlockEntry entry, RamBlocks.Gate gate) {
        blocks.refuseIfHeld();
        long plugged = blocks.snapshot().totalBytes() - first.usedLength();
        if (entry.usedLength() > limitBytes - plugged) {
            throw new MigrationException.Refused("RAM block '" + entry.idstr() + "' of " + entry.usedLength()
                    + " bytes: " + (limitBytes - plugged) + " of " + limitBytes + " bytes are left");
        }
        NativeMemory memory = NativeMemory.mapAnonymous(entry.usedLength());
        RamBlock block = new RamBlock(entry.idstr(), memory);
        tracker.add(block);
        beforeChange.run();
        try {
            blocks.add(block, gate);
        } catch (RuntimeException e) {
            tracker.remove(block);
            memory.close();
            throw e;
        }
        int _ = made.incrementAndGet();
        return block;
    }

    @Override
    public synchronized void unplug(RamBlock block, RamBlocks.Gate gate) {
        if (block == first) {
            throw new MigrationException.Refused("RAM block '" + block.idstr() + "' is soldered in");
        }
        beforeChange.run();
        blocks.remove(block, gate, () -> {
            block.memory().close();
            int _ = freed.incrementAndGet();
        });
        tracker.remove(block);
    }

    /** Writes as a guest does: tracked. */
    public void write(RamBlock block, long page, long value) {
        block.memory().putLong(page * RamBlock.PAGE_BYTES, value);
        tracker.mark(block, page);
    }

    /** Noise in every page, tracked. */
    public void fill(RamBlock block, long seed) {
        block.memory().fillRandom(0, block.usedLength(), seed);
        for (long page = 0; page < block.pageCount(); page++) {
            tracker.mark(block, page);
        }
    }

    /** Plugs a block in, takes one away, or writes to one. */
    public void changeAtRandom(Migrator guest, List<RamBlock> there, SplittableRandom random, int mostPages) {
        String name = "dimm" + random.nextInt(6);
        Optional<RamBlock> block =
                there.stream().filter(one -> one.idstr().equals(name)).findFirst();
        if (block.isEmpty()) {
            RamBlock plugged = guest.plugRam(name, (1 + random.nextInt(mostPages)) * (long) RamBlock.PAGE_BYTES);
            fill(plugged, random.nextLong());
            there.add(plugged);
        } else if (random.nextInt(3) == 0) {
            guest.unplugRam(block.get());
            there.remove(block.get());
        } else {
            write(block.get(), random.nextLong(block.get().pageCount()), random.nextLong());
        }
    }

    public void close() {
        for (RamBlock block : blocks.snapshot().blocks()) {
            if (block != first) {
                block.memory().close();
            }
        }
    }
}
