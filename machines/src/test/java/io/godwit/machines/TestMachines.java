// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.godwit.engine.memory.PageBitmap;
import io.godwit.engine.memory.RamBlock;
import io.godwit.linux.kvm.Kvm;
import io.godwit.linux.kvm.KvmSupport;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.machines.guest.GuestKind;
import io.godwit.machines.guest.GuestOptions;
import io.godwit.machines.guest.Machine;
import io.godwit.machines.guest.Origin;
import io.godwit.machines.programs.GuestProgram;
import io.godwit.machines.programs.RamFill;
import io.godwit.machines.programs.Workload;
import io.godwit.machines.programs.WriteOrder;
import java.time.Duration;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/** Machines as the tests want them. */
final class TestMachines {
    static final Duration DEADLINE = Duration.ofSeconds(10);

    private static final long MEMORY = 16L << 20;

    private TestMachines() {}

    static GuestOptions options(GuestKind kind, GuestProgram program) {
        Workload workload = new Workload(program, 4L << 20, 50_000, WriteOrder.RANDOM, RamFill.RANDOM, 4711);
        return GuestOptions.defaults().withKind(kind).withMemoryBytes(MEMORY).withWorkload(workload);
    }

    static GuestOptions unlimited(GuestOptions options) {
        Workload w = options.workload();
        return options.withWorkload(new Workload(w.program(), w.workingSetBytes(), 0, w.order(), w.fill(), w.seed()));
    }

    static Machine boot(GuestOptions options) {
        return create(options, Origin.BOOT);
    }

    static Machine create(GuestOptions options, Origin origin) {
        if (options.kind() == GuestKind.KVM) {
            assumeKvm();
        }
        return Machines.create(options, origin);
    }

    static void assumeKvm() {
        if (Kvm.support() instanceof KvmSupport.Missing missing) {
            assumeTrue(false, missing.reason());
        }
    }

    /** Waits for something that the guest does; how long is no statement, only that it comes. */
    static void await(BooleanSupplier condition, Machine machine) {
        long deadline = System.nanoTime() + DEADLINE.toNanos();
        while (!condition.getAsBoolean()) {
            assertThat(machine.failure()).isEmpty();
            assertThat(System.nanoTime()).as("the guest never got there").isLessThan(deadline);
            LockSupport.parkNanos(200_000);
        }
    }

    static void awaitFailure(Machine machine) {
        long deadline = System.nanoTime() + DEADLINE.toNanos();
        while (machine.failure().isEmpty()) {
            assertThat(System.nanoTime()).as("the guest never failed").isLessThan(deadline);
            LockSupport.parkNanos(200_000);
        }
    }

    static long[] pageHashes(RamBlock ram) {
        long[] hashes = new long[(int) ram.pageCount()];
        for (int page = 0; page < hashes.length; page++) {
            hashes[page] = ram.memory().hash((long) page * RamBlock.PAGE_BYTES, RamBlock.PAGE_BYTES);
        }
        return hashes;
    }

    /** A bitmap of the pages whose content is not what it was. */
    static long[] changed(RamBlock ram, long[] before) {
        PageBitmap changed = new PageBitmap(ram.pageCount());
        long[] now = pageHashes(ram);
        for (int page = 0; page < now.length; page++) {
            if (now[page] != before[page]) {
                changed.set(page);
            }
        }
        return changed.toWords();
    }

    /** What a destination would have: pages copied as the bitmap says. */
    static final class Copy implements AutoCloseable {
        private final RamBlock ram;
        private final NativeMemory memory;

        Copy(RamBlock ram) {
            this.ram = ram;
            this.memory = NativeMemory.allocate(ram.usedLength());
        }

        void take(RamBlock all) {
            NativeMemory.copy(all.memory(), 0, memory, 0, all.usedLength());
        }

        void takeDirtyPages() {
            for (int word = 0; word < ram.dirtyBitmap().wordCount(); word++) {
                long bits = ram.dirtyBitmap().fetchAndClear(word);
                while (bits != 0) {
                    long offset = (word * 64L + Long.numberOfTrailingZeros(bits)) * RamBlock.PAGE_BYTES;
                    NativeMemory.copy(ram.memory(), offset, memory, offset, RamBlock.PAGE_BYTES);
                    bits &= bits - 1;
                }
            }
        }

        long firstDifference() {
            return NativeMemory.mismatch(ram.memory(), 0, memory, 0, ram.usedLength());
        }

        @Override
        public void close() {
            memory.close();
        }
    }
}
