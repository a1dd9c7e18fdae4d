// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.programs;

import io.godwit.engine.guest.FreePageReporter;
import io.godwit.engine.memory.RamBlock;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.linux.process.ThreadEnd;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;

/**
 * How the ballooner tells of its free pages: one page of guest RAM for each vCPU with a ring of hints. The host writes
 * {@link #COMMAND}, an epoch or 0 for none, and {@link #TAIL}; the program writes {@link #HEAD}, {@link #DONE} and the
 * slots, each of two fields of 64 bits: epoch and number of pages, 32 bits each, and the first page.
 *
 * <p>What the guest writes is taken as it is and checked by the engine; here a head that no program writes only empties
 * the ring. Nobody looks at the ring but while an epoch is open, and then a thread of its own, {@code free-pages}.
 *
 * <p>Threads: {@link #start}, {@link #stop} and {@link #close} one at a time.
 */
public final class HintRing implements FreePageReporter, AutoCloseable {
    static final int COMMAND = 0x00;
    static final int TAIL = 0x08;
    static final int HEAD = 0x10;
    static final int DONE = 0x18;
    static final int SLOTS = 128;

    /** The most pages that the program puts into one hint. */
    static final long PAGES_A_HINT = 512;

    /** How many beats it takes for the program to take a free page into use; a power of two. */
    static final long BEATS_A_PAGE = 16;

    private static final int FIRST_SLOT = 0x100;
    private static final int SLOT_BYTES = 16;

    // A program fills its ring in 128 beats, 12.8 ms.
    private static final long LOOK_NANOS = 1_000_000;

    private final RamBlock block;
    private final NativeMemory ram;
    private final int vcpus;
    private Optional<Epoch> current = Optional.empty();
    /** Those that were told to end, and whom nobody has waited for. */
    private final List<Thread> leaving = new ArrayList<>();

    /** The rings of a guest of so many vCPUs. */
    public HintRing(RamBlock block, int vcpus) {
        this.block = block;
        this.ram = block.memory();
        this.vcpus = vcpus;
    }

    /** Where the slot of a hint with this number starts in its ring. */
    static int slot(long number) {
        return FIRST_SLOT + (int) (number & (SLOTS - 1)) * SLOT_BYTES;
    }

    @Override
    public synchronized void start(int epoch, Sink sink) {
        stop();
        Epoch next = new Epoch(epoch, sink);
        current = Optional.of(next);
        next.thread.start();
    }

    @Override
    public synchronized void stop() {
        if (current.isEmpty()) {
            return;
        }
        leaving.removeIf(thread -> !thread.isAlive());
        leaving.add(current.get().thread);
        current.get().end();
        current = Optional.empty();
        for (int vcpu = 0; vcpu < vcpus; vcpu++) {
            write(vcpu, COMMAND, 0);
        }
    }

    /** Ends the epoch and waits for its thread, and for those of epochs that were stopped; RAM may be unmapped then. */
    @Override
    public void close() {
        List<Thread> last;
        synchronized (this) {
            stop();
            last = List.copyOf(leaving);
        }
        last.forEach(ThreadEnd::await);
    }

    private long read(int vcpu, int field) {
        return ram.getLongByDowncall(BootLayout.hintRingOffset(vcpu) + field);
    }

    private void write(int vcpu, int field, long value) {
        long offset = BootLayout.hintRingOffset(vcpu);
        ram.putLongByDowncall(offset + field, value);
        block.markHostWrite(offset >>> RamBlock.PAGE_SHIFT);
    }

    /** One epoch and its thread. */
    private final class Epoch {
        private final int number;
        private final Sink sink;
        private final long[] tails = new long[vcpus];
        private final Thread thread;
        private volatile boolean ended;

        /** Empties the rings of what is old and asks. */
        Epoch(int number, Sink sink) {
            this.number = number;
            this.sink = sink;
            this.thread = Thread.ofPlatform().name("free-pages").daemon().unstarted(this::look);
            for (int vcpu = 0; vcpu < vcpus; vcpu++) {
                tails[vcpu] = read(vcpu, HEAD);
                write(vcpu, TAIL, tails[vcpu]);
                write(vcpu, COMMAND, Integer.toUnsignedLong(number));
            }
        }

        void end() {
            ended = true;
            LockSupport.unpark(thread);
        }

        private void look() {
            while (!ended) {
                boolean done = true;
                for (int vcpu = 0; vcpu < vcpus; vcpu++) {
                    // Before the head is read: what is told before the last word is heard.
                    done &= read(vcpu, DONE) == Integer.toUnsignedLong(number);
                    take(vcpu);
                }
                if (done) {
                    sink.done(number);
                    return;
                }
                LockSupport.parkNanos(this, LOOK_NANOS);
            }
        }

        private void take(int vcpu) {
            long head = read(vcpu, HEAD);
            long tail = tails[vcpu];
            if (head == tail) {
                return;
            }
            if (Long.compareUnsigned(head - tail, SLOTS) <= 0) {
                for (; tail != head && !ended; tail++) {
                    long what = read(vcpu, slot(tail));
                    long first = read(vcpu, slot(tail) + Long.BYTES);
                    sink.free((int) (what >>> 32), block, first, what & 0xffff_ffffL);
                }
            }
            tails[vcpu] = head;
            if (!ended) {
                write(vcpu, TAIL, head);
            }
        }
    }
}
