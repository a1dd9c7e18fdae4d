// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.qemu.restore;

import io.godwit.store.SnapshotName;
import io.godwit.store.Store;
import io.godwit.store.snapshots.AccessTrace;
import io.godwit.store.snapshots.Manifest;
import io.godwit.store.snapshots.Snapshot;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ThreadFactory;

/**
 * One stored guest that comes to life several times, each time in a QEMU of its own, all at once. Its pages are read
 * and decompressed once for all. One thread.
 */
public final class Clones implements AutoCloseable {
    private final Manifest manifest;
    private final SharedPages pages;
    private final Optional<AccessTrace> trace;
    private final LaunchedQemus all;
    private final Rehearsal rehearsal = Rehearsal.begin();
    private final List<LaunchedQemu> qemus = new ArrayList<>();

    /**
     * What became of one.
     *
     * @param number from 0
     * @param qemu its process
     * @param runningNanos until its guest ran, from when the first of all was connected
     * @param figures what it took
     */
    public record Clone(int number, LaunchedQemu qemu, long runningNanos, RestoreFigures figures) {}

    /**
     * What became of all.
     *
     * @param whole those with all of their memory
     * @param failures a sentence for each other one
     */
    public record Outcome(List<Clone> whole, List<String> failures) {}

    /**
     * Looks at a guest of a store, whose snapshot is held until {@link #close}.
     *
     * @param all has the QEMUs that are started for it
     * @throws io.godwit.store.DamageException if it is not what was written
     */
    public Clones(Store store, SnapshotName name, LaunchedQemus all) {
        this.all = all;
        Snapshot snapshot = store.snapshot(name);
        this.manifest = snapshot.manifest();
        this.trace = store.trace(name);
        try {
            snapshot.checkReadable();
        } catch (RuntimeException | Error e) {
            snapshot.close();
            throw e;
        }
        this.pages = new SharedPages(snapshot);
    }

    /**
     * Starts QEMUs, one for each command, and gives each the guest as soon as all of them listen for it.
     *
     * @return what became of them: where one fails, the others go on
     * @throws RestoreException if a QEMU does not start; none runs then
     */
    public Outcome run(List<List<String>> commands, boolean detached, Restore.Settings settings)
            throws InterruptedException {
        ThreadFactory threads = Thread.ofPlatform().name("clone-", 0).factory();
        try (ExecutorService each = Executors.newFixedThreadPool(commands.size(), threads)) {
            List<Future<LaunchedQemu>> starting = commands.stream()
                    .map(command -> each.submit(() -> LaunchedQemu.start(command, detached, all)))
                    .toList();
            started(starting);
            Together together = new Together(qemus.size());
            List<Future<Clone>> running = new ArrayList<>();
            for (int i = 0; i < qemus.size(); i++) {
                int number = i;
                running.add(each.submit(() -> restore(number, together, settings)));
            }
            together.prepared.await();
            rehearsal.await();
            together.sinceNanos = System.nanoTime();
            together.go.countDown();
            return ended(running);
        }
    }

    /** Nobody is given the guest before all listen for it. */
    private static final class Together {
        private final CountDownLatch prepared;
        private final CountDownLatch go = new CountDownLatch(1);
        private volatile long sinceNanos;

        Together(int count) {
            prepared = new CountDownLatch(count);
        }
    }

    private void started(List<Future<LaunchedQemu>> starting) throws InterruptedException {
        List<String> failures = new ArrayList<>();
        for (Future<LaunchedQemu> one : starting) {
            try {
                qemus.add(one.get());
            } catch (ExecutionException e) {
                failures.add(sentence(e));
            }
        }
        if (!failures.isEmpty()) {
            all.end();
            throw new RestoreException(failures.size() + " of " + starting.size()
                    + " QEMUs did not start, so none was given the guest. " + failures.getFirst());
        }
    }

    private Clone restore(int number, Together together, Restore.Settings settings) throws InterruptedException {
        LaunchedQemu qemu = qemus.get(number);
        try (StoredGuest guest = new StoredGuest(manifest, new SharedPages.View(pages), trace);
                Restore restore = Restore.into(qemu, guest, settings)) {
            restore.prepare();
            together.prepared.countDown();
            together.go.await();
            RestoreFigures figures = restore.run();
            qemu.guestIsWhole();
            return new Clone(number, qemu, restore.runningSince(together.sinceNanos), figures);
        } catch (RuntimeException e) {
            throw qemu.failed(e);
        } finally {
            // One that failed before is not waited for.
            together.prepared.countDown();
        }
    }

    private static Outcome ended(List<Future<Clone>> running) throws InterruptedException {
        List<Clone> whole = new ArrayList<>();
        List<String> failures = new ArrayList<>();
        for (int i = 0; i < running.size(); i++) {
            try {
                whole.add(running.get(i).get());
            } catch (ExecutionException e) {
                failures.add("Clone " + i + ": " + sentence(e));
            }
        }
        return new Outcome(whole, failures);
    }

    private static String sentence(ExecutionException e) {
        Throwable cause = e.getCause() == null ? e : e.getCause();
        return cause instanceof RestoreException ? String.valueOf(cause.getMessage()) : cause.toString();
    }

    /** Bytes of compressed pages that were read from the store for all of them. */
    public long readBytes() {
        return pages.readBytes();
    }

    /** Lets go of the QEMUs, which go on, and of the snapshot. */
    @Override
    public void close() {
        qemus.forEach(LaunchedQemu::close);
        pages.close();
    }
}
