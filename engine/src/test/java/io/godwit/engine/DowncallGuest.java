// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine;

import io.godwit.engine.checkpoint.World;
import io.godwit.engine.guest.DeviceState;
import io.godwit.engine.guest.DirtyTracker;
import io.godwit.engine.guest.Guest;
import io.godwit.engine.guest.Outputs;
import io.godwit.engine.guest.RamPlug;
import io.godwit.engine.guest.VcpuStuckException;
import io.godwit.engine.guest.Vcpus;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.memory.RamBlocks;
import io.godwit.engine.tracking.MarkedPagesTracker;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.linux.process.Threads;
import io.godwit.stream.DeviceSection;
import io.godwit.stream.VmStateBuilder;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.UUID;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;

/**
 * A guest for tests of postcopy: as {@link CountingGuest}, but it touches its memory by native calls only, so that it
 * may wait for a page without stopping the JVM.
 */
final class DowncallGuest implements Guest {
    static final String BLOCK = "ram";
    static final int RAM_BYTES = 8 << 20;
    static final int PAGES = RAM_BYTES / RamBlock.PAGE_BYTES;
    static final int TABLE_PAGES = PAGES * 8 / RamBlock.PAGE_BYTES;

    private final NativeMemory memory;
    private final RamBlock block;
    private final RamBlocks blocks;
    private final MarkedPagesTracker tracker;
    private final CountingGuest.Census census;
    private final NativeMemory registers = NativeMemory.allocate(RamBlock.PAGE_BYTES);
    private final Threaded vcpus = new Threaded();
    private UUID identity;
    private volatile long counter;
    private volatile int threadId;
    final AtomicInteger mismatches = new AtomicInteger();
    final World world = new World();
    volatile boolean idle;
    volatile boolean faultsInKernel;
    volatile Runnable beforeLoad = () -> {};
    volatile long pauseNanos = 50_000;
    private volatile Optional<TestPlug> plug = Optional.empty();

    DowncallGuest(UUID identity, CountingGuest.Census census) {
        this(identity, census, NativeMemory.mapAnonymous(RAM_BYTES), RamBlock.PAGE_BYTES);
    }

    /** In memory of the test's choice, backed by pages of so many bytes. */
    DowncallGuest(UUID identity, CountingGuest.Census census, NativeMemory memory, int pageBytes) {
        this.identity = identity;
        this.census = census;
        this.memory = memory;
        this.block = new RamBlock(BLOCK, memory, pageBytes);
        this.blocks = new RamBlocks(List.of(block));
        this.tracker = new MarkedPagesTracker(blocks);
    }

    /** Non-zero content in the first half, so that pages travel as pages. For a guest that is all here. */
    void fill(long seed) {
        memory.fillRandom(TABLE_PAGES * (long) RamBlock.PAGE_BYTES, RAM_BYTES / 2, seed);
        for (int page = TABLE_PAGES; page < PAGES; page++) {
            memory.putLong(page * (long) RamBlock.PAGE_BYTES, 0);
        }
    }

    long counter() {
        return counter;
    }

    NativeMemory memory() {
        return memory;
    }

    RamBlock block() {
        return block;
    }

    /** Reads the first word of a page by a native call, which waits if the page is missing. */
    long touch(long page, NativeMemory scratch) {
        NativeMemory.copyByDowncall(memory, page * RamBlock.PAGE_BYTES, scratch, 0, 8);
        return scratch.getLong(0);
    }

    /** Memory may come and go, so many bytes at most besides the first block. */
    TestPlug allowPlugging(long limitBytes) {
        TestPlug made = new TestPlug(blocks, tracker, limitBytes);
        plug = Optional.of(made);
        return made;
    }

    @Override
    public Optional<RamPlug> ramPlug() {
        return plug.map(one -> one);
    }

    @Override
    public String machineType() {
        return "downcall";
    }

    @Override
    public UUID identity() {
        return identity;
    }

    @Override
    public void assumeIdentity(UUID arriving) {
        identity = arriving;
    }

    @Override
    public RamBlocks ram() {
        return blocks;
    }

    @Override
    public boolean faultsInKernel() {
        return faultsInKernel;
    }

    @Override
    public DirtyTracker dirtyTracker() {
        return tracker;
    }

    @Override
    public Vcpus vcpus() {
        return vcpus;
    }

    @Override
    public Optional<Outputs> outputs() {
        return Optional.of(world);
    }

    @Override
    public List<DeviceState> devices() {
        return List.of(new Register());
    }

    @Override
    public void close() {
        vcpus.pause(Duration.ofSeconds(30));
        memory.close();
        registers.close();
        plug.ifPresent(TestPlug::close);
    }

    static DeviceSection register(long counter) {
        return new VmStateBuilder("register", 1).u64("counter", counter).build("register", 0);
    }

    private final class Register implements DeviceState {
        @Override
        public String idstr() {
            return "register";
        }

        @Override
        public int instanceId() {
            return 0;
        }

        @Override
        public DeviceSection save() {
            return register(counter);
        }

        @Override
        public void load(DeviceSection section) {
            beforeLoad.run();
            counter = section.payload().toBuffer().getLong();
        }
    }

    private final class Threaded implements Vcpus {
        private static final int RUNS = 0;
        private static final int SHALL_STOP = 1;
        private static final int STOPPED = 2;

        private final AtomicInteger state = new AtomicInteger(STOPPED);
        private final Semaphore stopped = new Semaphore(0);
        private boolean running;

        @Override
        public int count() {
            return 1;
        }

        @Override
        public int[] threadIds() {
            return new int[] {threadId};
        }

        @Override
        public synchronized void pause(Duration deadline) {
            if (!running) {
                return;
            }
            state.set(SHALL_STOP);
            if (!isStoppedWithin(deadline) && state.compareAndSet(SHALL_STOP, RUNS)) {
                throw new VcpuStuckException(0, deadline);
            }
            stopped.acquireUninterruptibly();
            running = false;
            int _ = census.running.decrementAndGet();
        }

        @Override
        public synchronized void resume() {
            if (running) {
                return;
            }
            int now = census.running.incrementAndGet();
            int _ = census.most.accumulateAndGet(now, Math::max);
            running = true;
            state.set(RUNS);
            Thread.ofPlatform().name("vcpu-0").daemon().start(this::work);
        }

        private boolean isStoppedWithin(Duration deadline) {
            try {
                if (stopped.tryAcquire(deadline.toNanos(), TimeUnit.NANOSECONDS)) {
                    stopped.release();
                    return true;
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
            return false;
        }

        private void work() {
            threadId = Threads.currentId();
            SplittableRandom random = new SplittableRandom(counter);
            while (!state.compareAndSet(SHALL_STOP, STOPPED)) {
                if (idle) {
                    LockSupport.parkNanos(1_000_000);
                } else {
                    step(TABLE_PAGES + random.nextInt(PAGES - TABLE_PAGES));
                }
            }
            stopped.release();
        }

        private void step(int page) {
            long place = page * (long) RamBlock.PAGE_BYTES;
            NativeMemory.copyByDowncall(memory, place, registers, 0, 8);
            NativeMemory.copyByDowncall(memory, page * 8L, registers, 8, 8);
            if (registers.getLong(0) != registers.getLong(8)) {
                int _ = mismatches.incrementAndGet();
            }
            long next = counter + 1;
            registers.putLong(16, next);
            NativeMemory.copyByDowncall(registers, 16, memory, place, 8);
            tracker.mark(block, page);
            NativeMemory.copyByDowncall(registers, 16, memory, page * 8L, 8);
            tracker.mark(block, page * 8L / RamBlock.PAGE_BYTES);
            counter = next;
            world.putOut(next);
            if (pauseNanos > 0 && next % 8 == 0) {
                LockSupport.parkNanos(pauseNanos);
            }
        }
    }
}
