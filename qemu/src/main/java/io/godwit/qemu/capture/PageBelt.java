// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.qemu.capture;

import io.godwit.engine.memory.RamBlock;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.store.snapshots.SnapshotWriter;
import java.util.Optional;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;

/**
 * Carries pages from the wire to a snapshot. They are hashed, and the disk is waited for, on {@code capture-store}. So
 * the source is not kept waiting: neither while it sends all of its memory nor, which matters more, while its guest
 * stands still. As much as fits on the belt need not be stored when the guest goes on.
 *
 * <p>Threads: pages are put by one; {@link #drain} and {@link #close} are for one at a time, when no more come.
 */
final class PageBelt implements AutoCloseable {
    /** 64 MiB of pages. */
    private static final int TRAYS = 64;

    /** As many more while the guest stands still, when the others are full. */
    private static final int RESERVE = 64;

    private static final long LOOK_MILLIS = 2;

    private static final int TRAY_PAGES = 256;

    /** Pages of zeros need no room, so a tray has more of them. */
    private static final int TRAY_ENTRIES = 4 * TRAY_PAGES;

    private static final int NO_CONTENT = -1;

    private final SnapshotWriter writer;
    private final BlockingQueue<Tray> empty = new ArrayBlockingQueue<>(TRAYS + RESERVE + 1);
    private final BlockingQueue<Tray> full = new ArrayBlockingQueue<>(TRAYS + RESERVE + 1);
    private final Thread thread;
    private int made;
    private Tray tray = new Tray();
    private boolean ended;
    private volatile boolean hurried;
    private volatile Optional<RuntimeException> failure = Optional.empty();

    /** Some pages, in the order in which they came. */
    private static final class Tray {
        private final byte[] content = new byte[TRAY_PAGES * RamBlock.PAGE_BYTES];
        private final int[] blocks = new int[TRAY_ENTRIES];
        private final long[] offsets = new long[TRAY_ENTRIES];
        private final int[] contentAt = new int[TRAY_ENTRIES];
        private int entries;
        private int pages;
        private boolean last;

        private void add(int block, long offset, int at) {
            blocks[entries] = block;
            offsets[entries] = offset;
            contentAt[entries++] = at;
        }
    }

    /** Begins to carry to this writer, which has heard of the blocks; it is the belt's until {@link #drain}. */
    PageBelt(SnapshotWriter writer) {
        this.writer = writer;
        thread = Thread.ofPlatform().daemon().name("capture-store").start(this::store);
    }

    /** A page, whose content is copied. */
    void put(int block, long offset, NativeMemory content, long position) {
        if (tray.pages == TRAY_PAGES) {
            next();
        }
        int at = tray.pages++ * RamBlock.PAGE_BYTES;
        content.copyTo(position, tray.content, at, RamBlock.PAGE_BYTES);
        add(block, offset, at);
    }

    /** A page of zeros. */
    void putZero(int block, long offset) {
        add(block, offset, NO_CONTENT);
    }

    private void add(int block, long offset, int at) {
        tray.add(block, offset, at);
        if (tray.entries == TRAY_ENTRIES) {
            next();
        }
    }

    private void next() {
        throwFailure();
        try {
            full.put(tray);
            tray = free();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new CaptureException("The capture was interrupted.", e);
        }
    }

    private Tray free() throws InterruptedException {
        Tray free = empty.poll();
        while (free == null) {
            if (made < TRAYS || (hurried && made < TRAYS + RESERVE)) {
                made++;
                return new Tray();
            }
            free = empty.poll(LOOK_MILLIS, TimeUnit.MILLISECONDS);
        }
        return free;
    }

    /** The guest stands still: what comes now is not to wait for what came before. Any thread. */
    void hurry() {
        hurried = true;
    }

    private void throwFailure() {
        if (failure.isPresent()) {
            throw failure.get();
        }
    }

    /**
     * Waits until the writer has all pages; no more may come. From then on it is the caller's.
     *
     * @throws RuntimeException what the writer threw
     */
    void drain() {
        end();
        throwFailure();
    }

    private void end() {
        if (ended) {
            return;
        }
        ended = true;
        tray.last = true;
        full.add(tray);
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
    }

    private void store() {
        boolean last = false;
        while (!last) {
            try {
                Tray next = full.take();
                last = next.last;
                storeUnlessFailed(next);
                next.entries = 0;
                next.pages = 0;
                empty.add(next);
            } catch (InterruptedException _) {
                return;
            }
        }
    }

    /** Whoever puts pages hears of a failure with the next tray, which must be there for that. */
    private void storeUnlessFailed(Tray next) {
        try {
            if (failure.isEmpty()) {
                store(next);
            }
        } catch (RuntimeException | Error e) {
            failure = Optional.of(e instanceof RuntimeException known ? known : new CaptureException(e.toString(), e));
        }
    }

    private void store(Tray tray) {
        for (int i = 0; i < tray.entries; i++) {
            if (tray.contentAt[i] == NO_CONTENT) {
                writer.zeroPage(tray.blocks[i], tray.offsets[i]);
            } else {
                writer.page(tray.blocks[i], tray.offsets[i], tray.content, tray.contentAt[i]);
            }
        }
    }

    /** Ends the thread, and what is on the belt with it. Harmless when repeated. */
    @Override
    public void close() {
        if (!ended && failure.isEmpty()) {
            failure = Optional.of(new CaptureException("The capture has ended."));
        }
        end();
    }
}
