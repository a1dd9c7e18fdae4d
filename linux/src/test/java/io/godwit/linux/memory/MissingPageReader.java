// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.memory;

import io.godwit.linux.io.EventSignal;
import io.godwit.linux.io.Polling;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;

/**
 * Reads memory whose pages a Java thread fills when they are missed, while the collector stops the world again and
 * again. The reader's accesses are downcalls, so it must come to the end.
 */
public final class MissingPageReader {
    private static final int PAGE = NativeMemory.PAGE_BYTES;
    private static final int PAGES = 4096;
    private static final long LENGTH = (long) PAGES * PAGE;
    private static final long GC_PERIOD_NANOS = 5_000_000;

    private MissingPageReader() {}

    /** Ends with status 0 if every page was read as it was sent. */
    public static void main(String[] arguments) throws InterruptedException {
        try (NativeMemory memory = NativeMemory.mapAnonymous(LENGTH);
                Userfaultfd faults = Userfaultfd.open(Set.of(), Userfaultfd.Faults.USER);
                EventSignal stop = new EventSignal()) {
            faults.register(memory.address(), LENGTH, Set.of(Userfaultfd.Mode.MISSING));
            Thread handler = new Thread(() -> fillMissingPages(memory, faults, stop), "uffd-fault");
            Thread collector = new Thread(() -> collectUntil(stop), "collector");
            handler.start();
            collector.start();
            readAll(memory);
            stop.raise();
            handler.join();
            collector.join();
        }
    }

    private static void readAll(NativeMemory memory) {
        try (NativeMemory copy = NativeMemory.allocate(PAGE)) {
            for (int page = 0; page < PAGES; page++) {
                NativeMemory.copyByDowncall(memory, (long) page * PAGE, copy, 0, PAGE);
                if (copy.getLong(PAGE - Long.BYTES) != page) {
                    throw new AssertionError("page " + page + " holds " + copy.getLong(PAGE - Long.BYTES));
                }
            }
        }
        System.out.println("read " + PAGES + " pages");
    }

    private static void fillMissingPages(NativeMemory memory, Userfaultfd faults, EventSignal stop) {
        try (Polling polling = new Polling();
                FaultEvents events = new FaultEvents(16);
                NativeMemory staging = NativeMemory.allocate(PAGE)) {
            while (polling.awaitReadable(faults, stop, Polling.FOREVER_NANOS) == Polling.Outcome.READY) {
                int count = faults.readEvents(events);
                for (int i = 0; i < count; i++) {
                    // One fault in 64 is served only after a collection that this thread waits for.
                    long page = (events.address(i) - memory.address()) / PAGE;
                    if (page % 64 == 0) {
                        System.gc();
                    }
                    staging.putLong(PAGE - Long.BYTES, page);
                    Userfaultfd.Placement placement = faults.copy(events.address(i), staging, 0, PAGE, true);
                    if (placement != Userfaultfd.Placement.PLACED) {
                        throw new AssertionError("page " + page + ": " + placement);
                    }
                }
            }
        }
    }

    private static void collectUntil(EventSignal stop) {
        while (!stop.isRaised()) {
            System.gc();
            LockSupport.parkNanos(GC_PERIOD_NANOS);
        }
    }
}
