// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.qemu.restore;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.ReentrantLock;

/** The QEMUs that end with this process. Any thread. */
public final class LaunchedQemus {
    /** LIMIT: how long one with a whole guest may take to write what it has for its drives. */
    private static final long WHOLE_NANOS = 10_000_000_000L;

    /** LIMIT: one whose guest lacks memory may be unable to end by itself. */
    private static final long PART_NANOS = 2_000_000_000L;

    private final ReentrantLock lock = new ReentrantLock();
    private final List<LaunchedQemu> running = new ArrayList<>();
    private boolean ending;

    /** Of none yet. */
    public LaunchedQemus() {}

    /** Starts a process. */
    interface Launch {
        LaunchedQemu start() throws IOException;
    }

    /** Starts one, so that {@link #end} either ends it or comes before it. */
    LaunchedQemu launch(Launch launch) throws IOException {
        lock.lock();
        try {
            if (ending) {
                throw new RestoreException("Godwit is ending, so no QEMU is started.");
            }
            LaunchedQemu qemu = launch.start();
            running.add(qemu);
            return qemu;
        } finally {
            lock.unlock();
        }
    }

    /** That one goes on, or has ended. */
    void letGo(LaunchedQemu qemu) {
        lock.lock();
        try {
            running.remove(qemu);
        } finally {
            lock.unlock();
        }
    }

    /** Ends all of them, and waits for that; no other one starts. */
    public void end() {
        List<LaunchedQemu> all;
        lock.lock();
        try {
            ending = true;
            all = List.copyOf(running);
        } finally {
            lock.unlock();
        }
        end(all);
    }

    /** As QEMU ends when its machine is switched off; by force where that takes too long. */
    static void end(List<LaunchedQemu> qemus) {
        long since = System.nanoTime();
        qemus.forEach(qemu -> qemu.running().forEach(process -> {
            boolean _ = process.destroy();
        }));
        for (LaunchedQemu qemu : qemus) {
            long until = since + (qemu.isWhole() ? WHOLE_NANOS : PART_NANOS);
            for (ProcessHandle process : qemu.running()) {
                if (!hasEnded(process, until)) {
                    boolean _ = process.destroyForcibly();
                }
            }
            qemu.removeDirectory();
        }
    }

    private static boolean hasEnded(ProcessHandle process, long until) {
        try {
            var _ = process.onExit().get(Math.max(0, until - System.nanoTime()), TimeUnit.NANOSECONDS);
            return true;
        } catch (InterruptedException _) {
            Thread.currentThread().interrupt();
            return false;
        } catch (ExecutionException | TimeoutException _) {
            return false;
        }
    }
}
