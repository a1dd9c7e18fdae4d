// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.testkit.simulation;

import io.godwit.engine.guest.VcpuStuckException;
import io.godwit.engine.guest.Vcpus;
import io.godwit.engine.memory.MissingPages;
import io.godwit.engine.memory.RamBlock;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.testkit.guest.RegisterGuest;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/** One host's copy of the simulated world's guest: memory, one vCPU that runs {@link GuestProgram}, one device. */
final class SimulatedGuest extends RegisterGuest {
    private static final int LAST_LONG = RamBlock.PAGE_BYTES - Long.BYTES;
    private static final int MOST_STEPS = 6;

    private final Baton baton;
    private final String host;
    private final GuestProgram program;
    private final long stepNanos;
    private final NativeMemory memory;
    private final RamBlock block;
    private final SimulatedMissingPages missing;
    private final OneVcpu vcpu = new OneVcpu();

    /**
     * A guest that does not run.
     *
     * @param stepNanos how long its vCPU rests between a few steps, about
     */
    SimulatedGuest(Baton baton, String host, GuestProgram program, UUID identity, long stepNanos) {
        RamBlock ram = new RamBlock("ram", NativeMemory.mapAnonymous(program.pages() * (long) RamBlock.PAGE_BYTES));
        super("simulated", identity, List.of(ram));
        this.baton = baton;
        this.host = host;
        this.program = program;
        this.stepNanos = stepNanos;
        this.block = ram;
        this.memory = ram.memory();
        this.missing = new SimulatedMissingPages(baton);
    }

    @Override
    public Vcpus vcpus() {
        return vcpu;
    }

    @Override
    public boolean faultsInKernel() {
        return false;
    }

    @Override
    public MissingPages missingPages() {
        return missing;
    }

    /** Every page must hold what the program wrote there last, and the count be where it came to. */
    void check() {
        for (int page = 0; page < program.pages(); page++) {
            program.checkPage(host, page, first(page), last(page));
        }
        if (counter != program.counter()) {
            throw baton.end("the guest at " + host + " counts " + counter + ", but it came to " + program.counter());
        }
    }

    private long first(int page) {
        return memory.getLong(page * (long) RamBlock.PAGE_BYTES);
    }

    private long last(int page) {
        return memory.getLong(page * (long) RamBlock.PAGE_BYTES + LAST_LONG);
    }

    /** Writes one page of every two, as its program would have before. */
    void fill() {
        for (int page = 0; page < program.pages(); page += 2) {
            counter = program.write(page);
            put(page);
        }
    }

    private void put(int page) {
        memory.putLong(page * (long) RamBlock.PAGE_BYTES, counter);
        memory.putLong(page * (long) RamBlock.PAGE_BYTES + LAST_LONG, counter);
    }

    @Override
    public void close() {
        vcpu.pause(Duration.ofSeconds(5));
        memory.close();
    }

    private final class OneVcpu implements Vcpus {
        private Optional<Turn> thread = Optional.empty();
        private boolean stop;
        private int throttlePercent;

        @Override
        public int count() {
            return 1;
        }

        @Override
        public void throttle(int vcpu, int percent) {
            throttlePercent = percent;
        }

        @Override
        public void resume() {
            if (thread.isEmpty()) {
                stop = false;
                program.begins(host, counter);
                thread = Optional.of(baton.start(host + " vcpu-0", this::work));
                baton.mayPass();
            }
        }

        @Override
        public void pause(Duration deadline) {
            if (thread.isEmpty()) {
                return;
            }
            stop = true;
            long until = baton.nanoTime() + deadline.toNanos();
            while (!thread.get().ended) {
                long left = until - baton.nanoTime();
                if (left <= 0) {
                    stop = false;
                    throw new VcpuStuckException(0, deadline);
                }
                boolean _ = baton.await(thread.get(), left);
            }
            thread = Optional.empty();
            program.ends(host);
        }

        private void work() {
            while (!stop) {
                int steps = 1 + baton.random().nextInt(MOST_STEPS);
                for (int i = 0; i < steps && !stop; i++) {
                    step(baton.random().nextInt(program.pages()));
                }
                baton.spend(baton.random().nextLong(1, 2 * stepNanos) * 100 / (100 - throttlePercent));
            }
        }

        private void step(int page) {
            missing.touch(block.memory().address() + page * (long) RamBlock.PAGE_BYTES);
            counter = program.step(host, page, first(page), last(page));
            put(page);
            baton.mayPass();
            tracker.mark(block, page);
        }
    }
}
