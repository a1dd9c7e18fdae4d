// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.qemu.restore;

import io.godwit.engine.memory.PageBatch;
import io.godwit.engine.memory.RamBlock;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.store.StoreException;
import io.godwit.store.pages.PlaceNumber;
import io.godwit.store.snapshots.SavedBlock;
import io.godwit.store.snapshots.Snapshot;
import java.util.Arrays;
import java.util.List;

/**
 * Reads, decompresses and hashes on {@code restore-ahead} the pages behind those that are being sent, so that neither
 * waits for the other. It keeps 8 MiB. One thread locates; what it was given stays until it locates again.
 */
final class ReadAhead implements AutoCloseable {
    private static final System.Logger LOG = System.getLogger(ReadAhead.class.getName());
    private static final int RUN_PAGES = 32;
    private static final long RUN_BYTES = (long) RUN_PAGES << RamBlock.PAGE_SHIFT;
    private static final int SLOTS = 64;

    /** More than that in one batch leaves too little room to read ahead. */
    private static final int MAX_RUNS = SLOTS / 2;

    private static final long NOTHING = -1;
    private static final int BLOCK_SHIFT = 40;

    private final Snapshot snapshot;
    private final List<SavedBlock> blocks;
    private final NativeMemory zeroPage;
    private final NativeMemory room = NativeMemory.allocate(SLOTS * RUN_BYTES);
    private final byte[] page = new byte[RamBlock.PAGE_BYTES];
    private final long[] places = new long[RUN_PAGES];
    private final Thread thread =
            Thread.ofPlatform().daemon().name("restore-ahead").unstarted(this::read);

    // Guarded by this.
    private final long[] runs = new long[SLOTS];
    private final boolean[] ready = new boolean[SLOTS];
    private final boolean[] lent = new boolean[SLOTS];
    /** For each slot, its pages of zeros as bits. */
    private final int[] zeros = new int[SLOTS];

    private long[] wanted = new long[0];
    private boolean started;
    private boolean ended;

    /** From this snapshot, which it closes; pages of zeros are at the beginning of {@code zeroPage}. */
    ReadAhead(Snapshot snapshot, NativeMemory zeroPage) {
        this.snapshot = snapshot;
        this.blocks = snapshot.manifest().blocks();
        this.zeroPage = zeroPage;
        Arrays.fill(runs, NOTHING);
    }

    /**
     * Says where the pages of a batch are, once they are read.
     *
     * @return false if this batch is none that can be read ahead, or reading has failed: the caller reads it then
     */
    synchronized boolean locate(int block, PageBatch batch) {
        Arrays.fill(lent, false);
        long first = batch.page(0) / RUN_PAGES;
        long last = batch.page(batch.count() - 1) / RUN_PAGES;
        if (ended || batch.count() == 1 || last - first >= MAX_RUNS || !isInOrder(batch)) {
            return false;
        }
        want(block, first);
        for (long run = first; run <= last; run++) {
            int slot = await(key(block, run));
            if (slot < 0) {
                return false;
            }
            lent[slot] = true;
        }
        for (int i = 0; i < batch.count(); i++) {
            int slot = slot(key(block, batch.page(i) / RUN_PAGES));
            int inRun = (int) (batch.page(i) % RUN_PAGES);
            if ((zeros[slot] & 1 << inRun) != 0) {
                batch.locate(i, zeroPage, 0);
            } else {
                batch.locate(i, room, at(slot, inRun));
            }
        }
        return true;
    }

    /** Pages of a trace are not. */
    private static boolean isInOrder(PageBatch batch) {
        for (int i = 1; i < batch.count(); i++) {
            if (batch.page(i) < batch.page(i - 1)) {
                return false;
            }
        }
        return true;
    }

    private static long key(int block, long run) {
        return (long) block << BLOCK_SHIFT | run;
    }

    private static long at(int slot, int inRun) {
        return slot * RUN_BYTES + ((long) inRun << RamBlock.PAGE_SHIFT);
    }

    /** The runs from there on are what is read next, as many as there is room for. */
    private void want(int block, long first) {
        if (wanted.length > 0 && wanted[0] == key(block, first)) {
            return;
        }
        long[] next = new long[SLOTS - MAX_RUNS];
        int count = 0;
        long run = first;
        for (int i = block; i < blocks.size(); i++) {
            long behind = (blocks.get(i).pageCount() + RUN_PAGES - 1) / RUN_PAGES;
            while (run < behind && count < next.length) {
                next[count++] = key(i, run++);
            }
            run = 0;
        }
        wanted = Arrays.copyOf(next, count);
        if (!started) {
            started = true;
            thread.start();
        }
        notifyAll();
    }

    private int await(long key) {
        boolean interrupted = false;
        int slot = slot(key);
        while (!ended && (slot < 0 || !ready[slot])) {
            try {
                wait();
            } catch (InterruptedException _) {
                interrupted = true;
            }
            slot = slot(key);
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        return ended ? -1 : slot;
    }

    private int slot(long key) {
        for (int i = 0; i < SLOTS; i++) {
            if (runs[i] == key) {
                return i;
            }
        }
        return -1;
    }

    private void read() {
        try {
            while (true) {
                int slot = next();
                if (slot < 0) {
                    return;
                }
                int found = fill(slot, runs[slot]);
                synchronized (this) {
                    zeros[slot] = found;
                    ready[slot] = true;
                    notifyAll();
                }
            }
        } catch (StoreException e) {
            // Whoever sends the page meets the same, and knows what to do about it.
            LOG.log(System.Logger.Level.DEBUG, "nothing is read ahead any more", e);
        } finally {
            end();
        }
    }

    /** Waits for something to read, and makes room for it; less than 0 at the end. */
    private synchronized int next() {
        while (!ended) {
            for (long key : wanted) {
                if (slot(key) < 0) {
                    int slot = free();
                    runs[slot] = key;
                    ready[slot] = false;
                    return slot;
                }
            }
            try {
                wait();
            } catch (InterruptedException _) {
                return -1;
            }
        }
        return -1;
    }

    /** There is one: what is lent and what is wanted are less than all. */
    private int free() {
        for (int i = 0; i < SLOTS; i++) {
            if (!lent[i] && !isWanted(runs[i])) {
                return i;
            }
        }
        throw new IllegalStateException("Every slot is in use.");
    }

    private boolean isWanted(long key) {
        for (long one : wanted) {
            if (one == key) {
                return true;
            }
        }
        return false;
    }

    private int fill(int slot, long key) {
        int block = (int) (key >>> BLOCK_SHIFT);
        long first = (key & (1L << BLOCK_SHIFT) - 1) * RUN_PAGES;
        int count = (int) Math.min(RUN_PAGES, blocks.get(block).pageCount() - first);
        snapshot.places(block, first, count, places);
        int found = 0;
        for (int i = 0; i < count; i++) {
            if (PlaceNumber.isStored(places[i])) {
                snapshot.page(places[i], page, 0);
                room.copyFrom(at(slot, i), page, 0, RamBlock.PAGE_BYTES);
            } else {
                found |= 1 << i;
            }
        }
        return found;
    }

    private synchronized void end() {
        ended = true;
        notifyAll();
    }

    /** With no thread locating any more. */
    @Override
    public void close() {
        end();
        boolean interrupted = false;
        while (thread.isAlive()) {
            try {
                thread.join();
            } catch (InterruptedException _) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        snapshot.close();
        room.close();
    }
}
