// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.memory;

import java.util.OptionalDouble;
import java.util.SplittableRandom;

/**
 * Random pages of a guest, and how many of them held zeros only.
 *
 * @param pages that were looked at
 * @param zeroPages of them
 */
public record ZeroSample(int pages, int zeroPages) {
    private static final int DRAWS = 1024;

    /** Looks at pages of the whole memory. Pages that have not arrived are left alone. */
    public static ZeroSample of(RamBlocks.Snapshot ram, long seed) {
        return draw(ram, seed, false);
    }

    /** Looks at those that are dirty. */
    public static ZeroSample ofDirtyPages(RamBlocks.Snapshot ram, long seed) {
        return draw(ram, seed, true);
    }

    private static ZeroSample draw(RamBlocks.Snapshot ram, long seed, boolean dirtyOnly) {
        SplittableRandom random = new SplittableRandom(seed);
        long allPages = ram.totalBytes() >> RamBlock.PAGE_SHIFT;
        int looked = 0;
        int zero = 0;
        for (int i = 0; i < DRAWS && allPages > 0; i++) {
            long page = random.nextLong(allPages);
            for (RamBlock block : ram.blocks()) {
                if (page < block.pageCount()) {
                    // One that has gone has no memory any more.
                    if (block.beginUse()) {
                        try {
                            if (block.isPresent(page)
                                    && (!dirtyOnly || block.dirtyBitmap().isSet(page))) {
                                looked++;
                                zero += block.memory().isZero(page << RamBlock.PAGE_SHIFT, RamBlock.PAGE_BYTES) ? 1 : 0;
                            }
                        } finally {
                            block.endUse();
                        }
                    }
                    break;
                }
                page -= block.pageCount();
            }
        }
        return new ZeroSample(looked, zero);
    }

    /** The share of zero pages, 0 to 1; empty if no page was looked at. */
    public OptionalDouble share() {
        return pages == 0 ? OptionalDouble.empty() : OptionalDouble.of((double) zeroPages / pages);
    }
}
