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
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * Reads, decompresses and hashes on {@code restore-ahead} the pages behind those that are being sent, so that neither
 * waits for the other. It keeps 8 MiB. It serves the thread that sends pages in their order, and no other: what that
 * thread was given stays until it locates again.
 */
final class ReadAhead implements AutoCloseable {
    private static final System.Logger LOG = System.getLogger(ReadAhead.class.getName());
    private static final int RUN_PAGES = 32;
    private static final long RUN_BYTES = (long) RUN_PAGES << RamBlock.PAGE_SHIFT;
    private static final int SLOTS = 64;

    /** More than that in one batch leaves too little room to read ahead. */
    private static final int MAX_RUNS = SLOTS / 2;

    /** LIMIT: a bucket that hangs is not waited for longer. */
    private static final Duration END_PATIENCE = Duration.ofSeconds(30);

    private static final long NOTHING = -1;
    private static final int BLOCK_SHIFT = 40;

    private final Supplier<Snapshot> opener;
    private final List<SavedBlock> blocks;
    private final NativeMemory zeroPage;
    private final byte[] page = new byte[RamBlock.PAGE_BYTES];
    private final long[] places = new long[RUN_PAGES];

    // Guarded by this.
    private final long[] runs = new long[SLOTS];
    private final boolean[] ready = new boolean[SLOTS];
    private final boolean[] lent = new boolean[SLOTS];
    /** For each slot, its pages of zeros as bits. */
    private final int[] zeros = new int[SLOTS];

    private long[] wanted = new long[0];
    private Optional<NativeMemory> room = Optional.empty();
    private Optional<Thread> reader = Optional.empty();
    private Optional<Thread> served = Optional.empty();
    private boolean ended;

    /**
     * Nothing is opened before something can be read ahead.
     *
     * @param opener gives a snapshot with these blocks, which is closed here
     * @param zeroPage pages of zeros are at its beginning
     */
    ReadAhead(Supplier<Snapshot> opener, List<SavedBlock> blocks, NativeMemory zeroPage) {
        this.opener = opener;
        this.blocks = blocks;
        this.zeroPage = zeroPage;
        Arrays.fill(runs, NOTHING);
    }

    /**
     * Says where the pages of a batch are, once they are read.
     *
     * @return false if this batch cannot be read ahead, or that failed: the caller reads it then
     * @throws StoreException after {@link #close}
     */
    synchronized boolean locate(int block, PageBatch batch) {
        if (ended) {
            throw new StoreException("The snapshot is closed.");
        }
        if (!isInOrder(batch) || !serves(Thread.currentThread())) {
            return false;
        }
        Arrays.fill(lent, false);
        long first = batch.page(0) / RUN_PAGES;
        long last = batch.page(batch.count() - 1) / RUN_PAGES;
        want(block, first);
        for (long run = first; run <= last; run++) {
            int slot = await(key(block, run));
            if (slot < 0) {
                return false;
            }
            lent[slot] = true;
        }
        NativeMemory content = room.orElseThrow();
        for (int i = 0; i < batch.count(); i++) {
            int slot = slot(key(block, batch.page(i) / RUN_PAGES));
            int inRun = (int) (batch.page(i) % RUN_PAGES);
            if ((zeros[slot] & 1 << inRun) != 0) {
                batch.locate(i, zeroPage, 0);
            } else {
                batch.locate(i, content, at(slot, inRun));
            }
        }
        return true;
    }

    /** Neither single pages, nor those of a trace, with gaps between them that nobody wants. */
    private static boolean isInOrder(PageBatch batch) {
        int count = batch.count();
        if (count < 2 || batch.page(count - 1) - batch.page(0) >= Math.min(2L * count, (MAX_RUNS - 1) * RUN_PAGES)) {
            return false;
        }
        for (int i = 1; i < count; i++) {
            if (batch.page(i) < batch.page(i - 1)) {
                return false;
            }
        }
        return true;
    }

    /** After a lost connection another thread sends. */
    private boolean serves(Thread thread) {
        if (served.filter(Thread::isAlive).isEmpty()) {
            served = Optional.of(thread);
        }
        return served.get().equals(thread);
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
        if (reader.filter(Thread::isAlive).isEmpty()) {
            reader = Optional.of(
                    Thread.ofPlatform().daemon().name("restore-ahead").start(this::read));
        }
        notifyAll();
    }

    /** Waits until a run is read; less than 0 if it will not be. */
    private int await(long key) {
        boolean interrupted = false;
        int slot = slot(key);
        while (!ended && (slot < 0 ? isWanted(key) : !ready[slot])) {
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

    private boolean isWanted(long key) {
        for (long one : wanted) {
            if (one == key) {
                return true;
            }
        }
        return false;
    }

    private void read() {
        try (Snapshot snapshot = opener.get()) {
            NativeMemory content = roomOf();
            for (int slot = next(); slot >= 0; slot = next()) {
                int found = fill(snapshot, content, slot, runs[slot]);
                synchronized (this) {
                    zeros[slot] = found;
                    ready[slot] = true;
                    notifyAll();
                }
            }
        } catch (RuntimeException e) {
            // Whoever sends the page meets the same, and knows what to do about it. The next batch begins anew.
            LOG.log(System.Logger.Level.DEBUG, "this was not read ahead", e);
        } finally {
            forget();
        }
    }

    private synchronized NativeMemory roomOf() {
        NativeMemory made = room.orElseGet(() -> NativeMemory.allocate(SLOTS * RUN_BYTES));
        room = Optional.of(made);
        return made;
    }

    /** Nobody reads any more: what is not read is not waited for. */
    private synchronized void forget() {
        wanted = new long[0];
        for (int i = 0; i < SLOTS; i++) {
            if (!ready[i]) {
                runs[i] = NOTHING;
            }
        }
        reader = Optional.empty();
        notifyAll();
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

    private int fill(Snapshot snapshot, NativeMemory content, int slot, long key) {
        int block = (int) (key >>> BLOCK_SHIFT);
        long first = (key & (1L << BLOCK_SHIFT) - 1) * RUN_PAGES;
        int count = (int) Math.min(RUN_PAGES, blocks.get(block).pageCount() - first);
        snapshot.places(block, first, count, places);
        int found = 0;
        for (int i = 0; i < count; i++) {
            if (PlaceNumber.isStored(places[i])) {
                snapshot.page(places[i], page, 0);
                content.copyFrom(at(slot, i), page, 0, RamBlock.PAGE_BYTES);
            } else {
                found |= 1 << i;
            }
        }
        return found;
    }

    private synchronized Optional<Thread> end() {
        ended = true;
        notifyAll();
        return reader;
    }

    /** Nobody sends any more. What a bucket that hangs still holds stays until this process ends. */
    @Override
    public void close() {
        Optional<Thread> reading = end();
        try {
            if (reading.isPresent() && !reading.get().join(END_PATIENCE)) {
                LOG.log(System.Logger.Level.WARNING, "The store has not answered for 30 s; its snapshot stays held.");
                return;
            }
        } catch (InterruptedException _) {
            Thread.currentThread().interrupt();
            return;
        }
        room.ifPresent(NativeMemory::close);
        room = Optional.empty();
    }
}
