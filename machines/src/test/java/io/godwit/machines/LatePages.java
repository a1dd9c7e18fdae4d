// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines;

import io.godwit.engine.memory.PageBitmap;
import io.godwit.engine.memory.RamBlock;
import io.godwit.linux.io.EventSignal;
import io.godwit.linux.io.Polling;
import io.godwit.linux.memory.Advice;
import io.godwit.linux.memory.FaultEvents;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.linux.memory.Userfaultfd;
import io.godwit.machines.guest.GuestKind;
import io.godwit.machines.guest.Machine;
import java.util.EnumSet;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;

/**
 * A guest's RAM that arrives while the guest runs: each page comes from its source's RAM when it is missed, and some
 * time later.
 */
final class LatePages implements AutoCloseable {
    private final RamBlock source;
    private final RamBlock target;
    private final PageBitmap received;
    private final Userfaultfd faults;
    private final EventSignal stop = new EventSignal();
    private final Thread handler = new Thread(this::serve, "uffd-fault");
    private final AtomicInteger asked = new AtomicInteger();
    private final long delayNanos;
    private volatile boolean held;
    private volatile boolean holding;

    /** Takes away all of the target's memory; the source stands still. */
    LatePages(Machine source, Machine target, long delayNanos) {
        this.source = source.ram().snapshot().blocks().getFirst();
        this.target = target.ram().snapshot().blocks().getFirst();
        this.received = new PageBitmap(this.target.pageCount());
        this.delayNanos = delayNanos;
        boolean huge = this.target.pageBytes() > RamBlock.PAGE_BYTES;
        NativeMemory memory = this.target.memory();
        if (!huge) {
            memory.advise(0, memory.byteLength(), Advice.NOHUGEPAGE);
        }
        faults = Userfaultfd.open(features(huge), whose(target.kind()));
        boolean _ = faults.register(memory.address(), memory.byteLength(), Set.of(Userfaultfd.Mode.MISSING));
        this.target.beginArriving(received);
        // ORDERING: emptied last. Who looked just before the watch began has mapped a page of zeros, which must not
        // stay.
        memory.advise(0, memory.byteLength(), huge ? Advice.REMOVE : Advice.DONTNEED);
        handler.setDaemon(true);
        handler.start();
    }

    /** Whose faults must wait, so that a guest of this kind can run. */
    static Userfaultfd.Faults whose(GuestKind kind) {
        return kind == GuestKind.KVM ? Userfaultfd.Faults.USER_AND_KERNEL : Userfaultfd.Faults.USER;
    }

    private static Set<Userfaultfd.Feature> features(boolean huge) {
        return huge ? EnumSet.of(Userfaultfd.Feature.MISSING_HUGE) : EnumSet.noneOf(Userfaultfd.Feature.class);
    }

    /** Faults that were seen. */
    int asked() {
        return asked.get();
    }

    /** No page comes from now on: who misses one waits. */
    void hold() {
        held = true;
    }

    /** Whether somebody waits for a page that does not come. */
    boolean isHolding() {
        return holding;
    }

    /** Pages come again. */
    void release() {
        held = false;
        holding = false;
        LockSupport.unpark(handler);
    }

    /** Places what is still missing. */
    void pushRest() {
        push(target.pageCount());
    }

    /** Places what is still missing of the first pages. */
    void push(long pageCount) {
        for (long page = 0; page < pageCount; page += pagesAtOnce()) {
            if (!received.isSet(page)) {
                place(page * RamBlock.PAGE_BYTES);
            }
        }
    }

    private int pagesAtOnce() {
        return target.pageBytes() / RamBlock.PAGE_BYTES;
    }

    private void serve() {
        try (Polling polling = new Polling();
                FaultEvents events = new FaultEvents(16)) {
            while (polling.awaitReadable(faults, stop, Polling.FOREVER_NANOS) == Polling.Outcome.READY) {
                int count = faults.readEvents(events);
                asked.addAndGet(count);
                for (int i = 0; i < count; i++) {
                    linger();
                    place(events.address(i) - target.memory().address());
                }
            }
        }
    }

    private void linger() {
        long end = System.nanoTime() + delayNanos;
        holding = held;
        while ((held || System.nanoTime() - end < 0) && !stop.isRaised()) {
            LockSupport.parkNanos(held ? 1_000_000 : end - System.nanoTime());
        }
    }

    private void place(long offset) {
        long start = offset & -target.pageBytes();
        long address = target.memory().address(start, target.pageBytes());
        Userfaultfd.Placement _ = faults.copy(address, source.memory(), start, target.pageBytes(), true);
        for (long page = 0; page < pagesAtOnce(); page++) {
            boolean _ = received.testAndSet(start / RamBlock.PAGE_BYTES + page);
        }
    }

    /** All that is still missing reads as zero from now on. */
    @Override
    public void close() {
        stop.raise();
        release();
        boolean interrupted = false;
        while (handler.isAlive()) {
            try {
                handler.join();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        faults.unregister(target.memory().address(), target.memory().byteLength());
        faults.close();
        stop.close();
        target.endArriving();
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
