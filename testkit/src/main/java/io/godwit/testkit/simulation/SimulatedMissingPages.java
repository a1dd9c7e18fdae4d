// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.testkit.simulation;

import io.godwit.engine.memory.MissingPages;
import io.godwit.engine.memory.RamBlock;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.linux.memory.Support;
import io.godwit.linux.memory.Userfaultfd;
import java.util.ArrayDeque;
import java.util.BitSet;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;

/**
 * Missing pages without a kernel: the simulated vCPU asks before it touches a page, and waits for one that is missing.
 * What is missing holds bytes that nobody wrote, so that who reads it all the same is found out.
 */
final class SimulatedMissingPages implements MissingPages {
    /** The only vCPU's thread, as the kernel would number it. */
    private static final int VCPU_THREAD = 1;

    private static final byte POISON = (byte) 0xa5;

    private final Baton baton;
    private final Map<Long, Watched> watched = new LinkedHashMap<>();
    private final Queue<Long> faults = new ArrayDeque<>();
    private boolean stopped;

    private record Watched(RamBlock block, BitSet missing) {
        boolean holds(long address) {
            return address >= block.memory().address()
                    && address < block.memory().address() + block.usedLength();
        }

        int page(long address) {
            return (int) ((address - block.memory().address()) >>> RamBlock.PAGE_SHIFT);
        }
    }

    SimulatedMissingPages(Baton baton) {
        this.baton = baton;
    }

    /** The vCPU touches a page: returns when it is there. */
    void touch(long address) {
        while (isMissing(address)) {
            baton.note("faults", faults.size());
            faults.add(address);
            baton.wakeAll(faults);
            boolean _ = baton.await(this, Turn.NEVER);
        }
    }

    private boolean isMissing(long address) {
        for (Watched one : watched.values()) {
            if (one.holds(address)) {
                return one.missing().get(one.page(address));
            }
        }
        return false;
    }

    private Watched of(long address) {
        return watched.values().stream()
                .filter(one -> one.holds(address))
                .findFirst()
                .orElseThrow(() -> new IllegalStateException("nobody watches this address"));
    }

    @Override
    public Support support(Collection<RamBlock> blocks) {
        return new Support.Available();
    }

    @Override
    public Watch open(Collection<RamBlock> blocks) {
        stopped = false;
        return new SimulatedWatch();
    }

    @Override
    public String toString() {
        return "a missing page";
    }

    private final class SimulatedWatch implements Watch {
        @Override
        public boolean begin(RamBlock block) {
            watched.put(block.memory().address(), new Watched(block, new BitSet()));
            return true;
        }

        @Override
        public void drop(RamBlock block, long offset, long length) {
            Watched one = of(block.memory().address());
            int first = (int) (offset >>> RamBlock.PAGE_SHIFT);
            one.missing().set(first, first + (int) (length >>> RamBlock.PAGE_SHIFT));
            block.memory().fill(offset, length, POISON);
        }

        @Override
        public Userfaultfd.Placement copy(long address, NativeMemory content, long offset, long length) {
            for (long done = 0; done < length; done += RamBlock.PAGE_BYTES) {
                if (!place(address + done, content, offset + done)) {
                    return Userfaultfd.Placement.ALREADY_PRESENT;
                }
            }
            return Userfaultfd.Placement.PLACED;
        }

        @Override
        public Userfaultfd.Placement zeroPage(long address, long length) {
            for (long done = 0; done < length; done += RamBlock.PAGE_BYTES) {
                if (!isMissing(address + done)) {
                    return Userfaultfd.Placement.ALREADY_PRESENT;
                }
                zero(of(address + done), of(address + done).page(address + done));
            }
            baton.wakeAll(SimulatedMissingPages.this);
            return Userfaultfd.Placement.PLACED;
        }

        private boolean place(long address, NativeMemory content, long offset) {
            if (!isMissing(address)) {
                return false;
            }
            Watched one = of(address);
            NativeMemory.copy(
                    content,
                    offset,
                    one.block().memory(),
                    address - one.block().memory().address(),
                    RamBlock.PAGE_BYTES);
            one.missing().clear(one.page(address));
            baton.wakeAll(SimulatedMissingPages.this);
            return true;
        }

        private void zero(Watched one, int page) {
            one.block().memory().fill((long) page << RamBlock.PAGE_SHIFT, RamBlock.PAGE_BYTES, (byte) 0);
            one.missing().clear(page);
        }

        @Override
        public void wake(long address, long length) {
            baton.wakeAll(SimulatedMissingPages.this);
        }

        @Override
        public void end(RamBlock block) {
            Watched one = of(block.memory().address());
            for (int page = one.missing().nextSetBit(0);
                    page >= 0;
                    page = one.missing().nextSetBit(page)) {
                zero(one, page);
            }
            baton.wakeAll(SimulatedMissingPages.this);
        }

        @Override
        public void forget(RamBlock block) {
            Optional<Watched> _ =
                    Optional.ofNullable(watched.remove(block.memory().address()));
        }

        @Override
        public FaultReader faults() {
            return new SimulatedFaults();
        }

        @Override
        public void close() {
            watched.values().forEach(one -> end(one.block()));
            watched.clear();
        }
    }

    private final class SimulatedFaults implements FaultReader {
        private long address;

        @Override
        public int await() {
            while (faults.isEmpty() && !stopped) {
                boolean _ = baton.await(faults, Turn.NEVER);
            }
            if (stopped) {
                return STOPPED;
            }
            address = faults.remove();
            return 1;
        }

        @Override
        public long address(int index) {
            return address;
        }

        @Override
        public int threadId(int index) {
            return VCPU_THREAD;
        }

        @Override
        public void stop() {
            stopped = true;
            baton.wakeAll(faults);
        }

        @Override
        public void close() {
            faults.clear();
        }
    }
}
