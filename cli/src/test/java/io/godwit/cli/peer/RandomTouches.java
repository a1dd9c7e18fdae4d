// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.peer;

import io.godwit.engine.memory.RamBlock;
import io.godwit.linux.memory.NativeMemory;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/**
 * Threads that read pages of a guest that does not run, as its vCPUs would: a page that has not come makes a fault,
 * which the destination must answer. Each thread reads pages in a random order of its own, by native calls, because a
 * Java access to a missing page would stop the whole JVM.
 */
final class RandomTouches {
    private final List<Thread> threads = new ArrayList<>();
    private volatile boolean ended;

    /** Starts the threads; each reads {@code pagesEach} pages. The seed is printed. */
    RandomTouches(RamBlock block, long seed, int threadCount, int pagesEach) {
        System.out.println("touch seed " + seed);
        for (int i = 0; i < threadCount; i++) {
            Random random = new Random(seed * 31 + i);
            threads.add(Thread.ofPlatform()
                    .daemon()
                    .name("touch-" + i)
                    .start(() -> touch(block.memory(), random, pagesEach)));
        }
    }

    private void touch(NativeMemory memory, Random random, int pages) {
        try (NativeMemory copy = NativeMemory.allocate(RamBlock.PAGE_BYTES)) {
            long pageCount = memory.byteLength() / RamBlock.PAGE_BYTES;
            for (int i = 0; i < pages && !ended; i++) {
                long offset = random.nextLong(pageCount) * RamBlock.PAGE_BYTES;
                NativeMemory.copyByDowncall(memory, offset, copy, 0, RamBlock.PAGE_BYTES);
            }
        }
    }

    /** Waits until all threads have read all their pages. */
    void awaitAll() {
        for (Thread thread : threads) {
            try {
                if (!thread.join(QemuProcess.PATIENCE)) {
                    throw new AssertionError(thread.getName() + " waits for a page that does not come");
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new AssertionError("the test run is ending", e);
            }
        }
    }

    /** Ends the threads; the migration must be over, so that no page is missing for ever. */
    void end() {
        ended = true;
        awaitAll();
    }
}
