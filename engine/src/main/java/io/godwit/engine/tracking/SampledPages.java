// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.tracking;

import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.memory.RamBlocks;
import io.godwit.engine.tracking.DirtyRate.Figures;
import io.godwit.linux.memory.NativeMemory;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.SplittableRandom;

/**
 * Hashes random pages twice. Which ones they are is not kept but drawn again from the same seed; both walks go the same
 * way, so that each page is looked at about the same time after its first look.
 */
final class SampledPages implements Measurement {
    /** LIMIT: fewer say nothing of a small block. */
    private static final long MIN_PAGES_A_BLOCK = 128;

    private static final long PAGES_A_GIB = 1L << 18;

    private final List<RamBlock> blocks;
    private final DirtyRateRequest request;
    private final long seed;
    private final List<long[]> hashes = new ArrayList<>();
    private final long zeroPageHash;
    private double changedPages;
    private double zeroPages;

    SampledPages(RamBlocks.Snapshot ram, DirtyRateRequest request, long seed) {
        this.blocks = ram.blocks();
        this.request = request;
        this.seed = seed;
        for (RamBlock block : blocks) {
            long wanted = Math.max(MIN_PAGES_A_BLOCK, block.pageCount() * request.samplePages() / PAGES_A_GIB);
            hashes.add(new long[Math.toIntExact(Math.min(wanted, block.pageCount()))]);
        }
        try (NativeMemory zero = NativeMemory.allocate(RamBlock.PAGE_BYTES)) {
            zeroPageHash = zero.hash(0, RamBlock.PAGE_BYTES);
        }
    }

    @Override
    public Optional<Figures> run(Wait wait) {
        long startNanos = wait.nanoTime();
        if (!walk(wait, false) || !wait.until(startNanos + request.calcMillis() * 1_000_000)) {
            return Optional.empty();
        }
        long elapsed = wait.nanoTime() - startNanos;
        if (!walk(wait, true)) {
            return Optional.empty();
        }
        double pageCount = blocks.stream().mapToLong(RamBlock::pageCount).sum();
        return Optional.of(new Figures(
                DirtyRate.bytesPerSecond(Math.round(changedPages), elapsed),
                List.of(),
                List.of(),
                OptionalDouble.of(zeroPages / pageCount)));
    }

    private boolean walk(Wait wait, boolean compare) {
        SplittableRandom random = new SplittableRandom(seed);
        for (int i = 0; i < blocks.size(); i++) {
            RamBlock block = blocks.get(i);
            // The same numbers are drawn for a block that has gone, so that those of the others stay the same.
            boolean there = block.beginUse();
            try {
                if (!walk(wait, random, block, there, compare, hashes.get(i))) {
                    return false;
                }
            } finally {
                if (there) {
                    block.endUse();
                }
            }
        }
        return true;
    }

    private boolean walk(
            Wait wait, SplittableRandom random, RamBlock block, boolean there, boolean compare, long[] kept) {
        // What one sampled page stands for.
        double weight = (double) block.pageCount() / kept.length;
        for (int sample = 0; sample < kept.length; sample++) {
            long page = random.nextLong(block.pageCount());
            if (!there) {
                continue;
            }
            // Law 1: a page that has not arrived is not touched, whatever was promised.
            if (wait.isOver() || !block.isPresent(page)) {
                return false;
            }
            long hash = block.memory().hash(page << RamBlock.PAGE_SHIFT, RamBlock.PAGE_BYTES);
            if (!compare) {
                kept[sample] = hash;
                continue;
            }
            changedPages += hash == kept[sample] ? 0 : weight;
            zeroPages += hash == zeroPageHash ? weight : 0;
        }
        return true;
    }

    @Override
    public void release() {
        // Nothing was taken.
    }
}
