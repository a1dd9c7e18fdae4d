// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.qemu.capture;

import io.godwit.engine.memory.RamBlock;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.store.pages.PageId;
import io.godwit.store.snapshots.SnapshotWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.BlockingDeque;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingDeque;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/**
 * Carries pages from the wire to a snapshot. They are hashed on {@code capture-hash} and {@code capture-store}, which
 * also stores them in the order in which they came, and waits for the disk. So the source is not kept waiting: neither
 * while it sends all of its memory nor, which matters more, while its guest stands still. As much as fits on the belt
 * need not be stored when the guest goes on.
 *
 * <p>Threads: pages are put by one; {@link #drain} and {@link #close} are for one at a time, when no more come.
 */
final class PageBelt implements AutoCloseable {
    /** 64 MiB of pages. */
    private static final int TRAYS = 64;

    /** As many more while the guest stands still, when the others are full. */
    private static final int RESERVE = 64;

    private static final long LOOK_MILLIS = 2;

    /** A thread hashes nearly what a QEMU sends, and capture-store does its share. */
    private static final int MOST_HASHERS = 3;

    private final SnapshotWriter writer;
    /** The one that was used last is taken first: it may be in a cache. */
    private final BlockingDeque<Tray> empty = new LinkedBlockingDeque<>();

    private final BlockingQueue<Tray> full = new LinkedBlockingQueue<>();
    private final BlockingQueue<Tray> unhashed = new LinkedBlockingQueue<>();
    private final List<Thread> hashers = new ArrayList<>();
    private final Thread thread;
    private int made;
    private Tray tray = new Tray();
    private boolean ended;
    private volatile boolean hurried;
    private volatile Optional<RuntimeException> failure = Optional.empty();

    /** Begins to carry to this writer, which has heard of the blocks; it is the belt's until {@link #drain}. */
    PageBelt(SnapshotWriter writer) {
        this(writer, Math.min(MOST_HASHERS, Runtime.getRuntime().availableProcessors() - 1));
    }

    /** One with so many threads that only hash. */
    PageBelt(SnapshotWriter writer, int hasherCount) {
        this.writer = writer;
        for (int i = 0; i < hasherCount; i++) {
            hashers.add(Thread.ofPlatform().daemon().name("capture-hash").start(this::hash));
        }
        thread = Thread.ofPlatform().daemon().name("capture-store").start(this::store);
    }

    /** A page, whose content is copied. */
    void put(int block, long offset, NativeMemory content, long position) {
        if (tray.pages == Tray.PAGES) {
            next();
        }
        int at = tray.pages++ * RamBlock.PAGE_BYTES;
        content.copyTo(position, tray.content, at, RamBlock.PAGE_BYTES);
        add(block, offset, at);
    }

    /** A page of zeros. */
    void putZero(int block, long offset) {
        add(block, offset, Tray.NO_CONTENT);
    }

    private void add(int block, long offset, int at) {
        tray.add(block, offset, at);
        if (tray.entries == Tray.ENTRIES) {
            next();
        }
    }

    private void next() {
        throwFailure();
        try {
            send();
            tray = free();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new CaptureException("The capture was interrupted.", e);
        }
    }

    /** Whoever takes it to store it can hash it. */
    private void send() {
        unhashed.add(tray);
        full.add(tray);
    }

    private Tray free() throws InterruptedException {
        Tray free = empty.pollLast();
        while (free == null) {
            if (made < TRAYS || (hurried && made < TRAYS + RESERVE)) {
                made++;
                return new Tray();
            }
            free = empty.pollLast(LOOK_MILLIS, TimeUnit.MILLISECONDS);
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
        send();
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

    private void hash() {
        PageId hasher = new PageId();
        try {
            while (true) {
                hash(unhashed.take(), hasher);
            }
        } catch (InterruptedException _) {
            // The belt has ended.
        }
    }

    /** A failure is known before the tray is taken for one that has been hashed. */
    private void hash(Tray some, PageId hasher) {
        try {
            some.hash(hasher);
        } catch (RuntimeException | Error e) {
            fail(e);
        } finally {
            some.hashed.release();
        }
    }

    private void store() {
        PageId hasher = new PageId();
        boolean last = false;
        while (!last) {
            try {
                Tray next = full.take();
                last = next.last;
                awaitHashed(next, hasher);
                storeUnlessFailed(next);
                next.clear();
                empty.addLast(next);
            } catch (InterruptedException _) {
                return;
            }
        }
        hashers.forEach(Thread::interrupt);
    }

    /** Who waits for another's hashes makes some meanwhile. */
    private void awaitHashed(Tray next, PageId hasher) throws InterruptedException {
        Tray other = next.isHashed() ? null : unhashed.poll();
        while (other != null) {
            hash(other, hasher);
            other = next.isHashed() ? null : unhashed.poll();
        }
        next.awaitHashed();
    }

    /** Whoever puts pages hears of a failure with the next tray, which must be there for that. */
    private void storeUnlessFailed(Tray next) {
        try {
            if (failure.isEmpty()) {
                store(next);
            }
        } catch (RuntimeException | Error e) {
            fail(e);
        }
    }

    private void fail(Throwable e) {
        failure = Optional.of(e instanceof RuntimeException known ? known : new CaptureException(e.toString(), e));
    }

    private void store(Tray tray) {
        for (int i = 0; i < tray.entries; i++) {
            if (tray.contentAt[i] == Tray.NO_CONTENT) {
                writer.zeroPage(tray.blocks[i], tray.offsets[i]);
            } else {
                int at = tray.contentAt[i];
                writer.page(tray.blocks[i], tray.offsets[i], tray.content, at, tray.ids, Tray.idAt(at));
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
