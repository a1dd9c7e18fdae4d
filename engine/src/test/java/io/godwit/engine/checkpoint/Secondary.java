// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.engine.memory.PagePlace;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.memory.RamBlocks;
import io.godwit.engine.tracking.MarkedPagesTracker;
import io.godwit.linux.memory.NativeMemory;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A guest that is nothing but memory, and the model of its primary: one number a page, which every word of the page
 * must be.
 */
final class Secondary implements AutoCloseable {
    private static final int PAGE = RamBlock.PAGE_BYTES;

    private final List<NativeMemory> memories = new ArrayList<>();
    private final RamBlocks ram;
    private final MarkedPagesTracker tracker;
    private final List<long[]> primary = new ArrayList<>();
    private final NativeMemory staging = NativeMemory.allocate(PAGE);
    private final Set<Long> union = new HashSet<>();

    /** With a block of so many pages each. */
    Secondary(int... pages) {
        List<RamBlock> blocks = new ArrayList<>();
        for (int count : pages) {
            NativeMemory memory = NativeMemory.mapAnonymous((long) count * PAGE);
            memories.add(memory);
            blocks.add(new RamBlock("block" + blocks.size(), memory));
            primary.add(new long[count]);
        }
        ram = new RamBlocks(blocks);
        tracker = new MarkedPagesTracker(ram);
    }

    RamBlocks.Snapshot snapshot() {
        return ram.snapshot();
    }

    MarkedPagesTracker tracker() {
        return tracker;
    }

    /** Both sides, which are equal afterwards; half of the pages stay zero and untouched. */
    void fillRandomly(SplittableRandom random) {
        for (int block = 0; block < primary.size(); block++) {
            for (int page = 0; page < primary.get(block).length; page++) {
                if (random.nextBoolean()) {
                    primary.get(block)[page] = random.nextLong();
                    put(memories.get(block), page, primary.get(block)[page]);
                }
            }
        }
    }

    void beginRound() {
        union.clear();
    }

    /** Pages that anybody has changed since {@link #beginRound}. */
    long unionPages() {
        return union.size();
    }

    /** So many pages come from the primary, which has changed them; a third of them are zero now. */
    void receive(SplittableRandom random, PagePlace place, int count) {
        int left = count;
        while (left > 0) {
            int block = random.nextInt(primary.size());
            int length = primary.get(block).length;
            int first = random.nextInt(length);
            int run = Math.min(1 + random.nextInt(random.nextBoolean() ? 3 : 200), length - first);
            for (int page = first; page < first + run; page++) {
                primary.get(block)[page] = random.nextInt(3) == 0 ? 0 : random.nextLong();
                send(place, block, page);
            }
            left -= run;
        }
        place.flush();
    }

    /** Every page comes from the primary, as it is. */
    void primaryTo(PagePlace place) {
        for (int block = 0; block < primary.size(); block++) {
            for (int page = 0; page < primary.get(block).length; page++) {
                send(place, block, page);
            }
        }
    }

    /** The primary sends what was written here, as it is there. */
    void primaryAnswers(RamStage stage, PagePlace place) {
        int told = stage.takeWritten();
        AtomicInteger heard = new AtomicInteger();
        stage.written((block, word, bits) -> {
            heard.getAndIncrement();
            for (long rest = bits; rest != 0; rest &= rest - 1) {
                send(place, block, (word << 6) + Long.numberOfTrailingZeros(rest));
            }
        });
        assertThat(heard).hasValue(told);
    }

    private void send(PagePlace place, int block, int page) {
        boolean _ = union.add(key(block, page));
        if (primary.get(block)[page] == 0) {
            place.placeZero(block, (long) page * PAGE);
        } else {
            put(staging, 0, primary.get(block)[page]);
            place.place(block, (long) page * PAGE, staging, 0);
        }
    }

    /** The guest here writes what its primary does not know. */
    void run(SplittableRandom random, int count) {
        for (int i = 0; i < count; i++) {
            int block = random.nextInt(primary.size());
            write(block, random.nextInt(primary.get(block).length), random.nextInt(4) == 0 ? 0 : random.nextLong());
        }
    }

    void write(int block, long page, long value) {
        boolean _ = union.add(key(block, page));
        put(memories.get(block), page, value);
        tracker.mark(snapshot().blocks().get(block), page);
    }

    /** Where the guest is not what its primary is. */
    List<String> differences() {
        List<String> differences = new ArrayList<>();
        for (int block = 0; block < primary.size(); block++) {
            for (int page = 0; page < primary.get(block).length; page++) {
                put(staging, 0, primary.get(block)[page]);
                if (NativeMemory.mismatch(memories.get(block), (long) page * PAGE, staging, 0, PAGE) >= 0) {
                    differences.add("block " + block + ", page " + page);
                }
            }
        }
        return differences;
    }

    private static void put(NativeMemory memory, long page, long value) {
        for (long offset = page * PAGE; offset < (page + 1) * PAGE; offset += Long.BYTES) {
            memory.putLong(offset, value);
        }
    }

    private static long key(int block, long page) {
        return (long) block << 32 | page;
    }

    @Override
    public void close() {
        memories.forEach(NativeMemory::close);
        staging.close();
    }
}
