// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.testkit.guest;

import io.godwit.engine.guest.DeviceState;
import io.godwit.engine.guest.DeviceStateException;
import io.godwit.engine.guest.DirtyTracker;
import io.godwit.engine.guest.FreePageReporter;
import io.godwit.engine.guest.Guest;
import io.godwit.engine.guest.Outputs;
import io.godwit.engine.guest.RamPlug;
import io.godwit.engine.guest.VcpuStuckException;
import io.godwit.engine.guest.Vcpus;
import io.godwit.engine.memory.PageBitmap;
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
 * A guest for tests: one "vCPU" thread counts, writes the count into pages of its memory and keeps it as its register.
 * It notices by itself when a page does not hold what it wrote there last: the table of what it wrote is memory too.
 *
 * <p>What a test wants to go wrong is a field of it. Threads: any.
 */
public final class CountingGuest implements Guest {
    /** The name of its first block. */
    public static final String BLOCK = "ram";

    /** The length of its first block. */
    public static final int RAM_BYTES = 8 << 20;

    /** The pages of its first block. */
    public static final int PAGES = RAM_BYTES / RamBlock.PAGE_BYTES;

    /** So many pages at the start hold the table of what it wrote. */
    public static final int TABLE_PAGES = PAGES * 8 / RamBlock.PAGE_BYTES;

    /** Its machine type. */
    public static final String MACHINE = "counting";

    /** How many copies run, at this instant and at most, over all guests of one test. */
    public static final class Census {
        /** At this instant. */
        public final AtomicInteger running = new AtomicInteger();

        /** At most so far. */
        public final AtomicInteger most = new AtomicInteger();

        /** Of no guest yet. */
        public Census() {}
    }

    private final NativeMemory memory;
    private final RamBlock block;
    private final RamBlocks blocks;
    private final MarkedPagesTracker tracker;
    private final Census census;
    private final MemoryAccess access;
    private final Threaded vcpus = new Threaded();
    private UUID identity;
    private boolean assumed;
    private volatile long counter;
    private volatile int threadId;
    /** What adds and takes away its memory; see {@link #allowPlugging}. */
    public volatile Optional<TestPlug> plug = Optional.empty();

    /** Pages that did not hold what was written there last. */
    public final AtomicInteger mismatches = new AtomicInteger();

    /** Where a guest puts its count out; held back only where {@link #byDowncalls} made the guest. */
    public final World world = new World();

    /** Whether its device refuses every state. */
    public volatile boolean refusesState;

    /** Whether its tracker fails when it is stopped. */
    public volatile boolean trackerRefusesToStop;

    /** So much longer is its device's state than it need be. */
    public volatile int extraStateBytes;

    /** What its tracker says of vCPUs. */
    public volatile long[] vcpuPages = {};

    /** Runs before each harvest. */
    public volatile Runnable beforeHarvest = () -> {};

    /** Runs before the device is saved. */
    public volatile Runnable beforeSave = () -> {};

    /** Runs before the device is loaded. */
    public volatile Runnable beforeLoad = () -> {};

    /** Whether its vCPU never comes out. */
    public volatile boolean refusesToStop;

    /** Whether its vCPU has failed. */
    public volatile boolean crashed;

    /** Whether its vCPU fails when it is stopped. */
    public volatile boolean crashesWhenStopped;

    /** Whether its vCPU cannot be started. */
    public volatile boolean refusesToStart;

    /** Whether its vCPU runs and touches nothing. */
    public volatile boolean idle;

    /** Whether it says that the kernel touches its memory. */
    public volatile boolean faultsInKernel;

    /** What was taken from its vCPU last. */
    public volatile int throttlePercent;

    /** Between some pages and the next ones, when nobody throttles it. */
    public volatile long restNanos = 50_000;

    /** Who tells of its free pages. */
    public volatile Optional<FreePageReporter> freePages = Optional.empty();

    /** The vCPU touches no page from here on. */
    public volatile int usedPages = PAGES;

    /** A guest that touches its memory by Java code, so all of it must be there. */
    public CountingGuest(UUID identity, Census census) {
        this(identity, census, RamBlock.PAGE_BYTES);
    }

    /** With memory that is said to consist of pages of this size. */
    public CountingGuest(UUID identity, Census census, int pageBytes) {
        this(identity, census, NativeMemory.mapAnonymous(RAM_BYTES), pageBytes, MemoryAccess.direct());
    }

    /**
     * A guest that touches its memory by native calls only, so that it may wait for a page without stopping the JVM,
     * and whose outputs can be held.
     */
    public static CountingGuest byDowncalls(UUID identity, Census census) {
        return byDowncalls(identity, census, NativeMemory.mapAnonymous(RAM_BYTES), RamBlock.PAGE_BYTES);
    }

    /** The same in memory of the test's choice, backed by pages of so many bytes. */
    public static CountingGuest byDowncalls(UUID identity, Census census, NativeMemory memory, int pageBytes) {
        return new CountingGuest(identity, census, memory, pageBytes, MemoryAccess.byDowncalls());
    }

    private CountingGuest(UUID identity, Census census, NativeMemory memory, int pageBytes, MemoryAccess access) {
        this.identity = identity;
        this.census = census;
        this.memory = memory;
        this.access = access;
        this.faultsInKernel = !access.mayWait();
        this.block = new RamBlock(BLOCK, memory, pageBytes);
        this.blocks = new RamBlocks(List.of(block));
        this.tracker = new MarkedPagesTracker(blocks);
    }

    /** Non-zero content in the first half, so that pages travel as pages. For a guest that is all here. */
    public void fill(long seed) {
        memory.fillRandom(TABLE_PAGES * (long) RamBlock.PAGE_BYTES, RAM_BYTES / 2, seed);
        for (int page = TABLE_PAGES; page < PAGES; page++) {
            memory.putLong(page * (long) RamBlock.PAGE_BYTES, 0);
        }
    }

    /** Writes to a page as its vCPU would, which must not run. */
    public void write(long page, long value) {
        memory.putLong(page * RamBlock.PAGE_BYTES, value);
        tracker.mark(block, page);
    }

    /** Reads the first word of a page by a native call, which waits if the page is missing. */
    public long touch(long page, NativeMemory scratch) {
        NativeMemory.copyByDowncall(memory, page * RamBlock.PAGE_BYTES, scratch, 0, 8);
        return scratch.getLong(0);
    }

    /** Its first block. */
    public RamBlock block() {
        return block;
    }

    /** Its register. */
    public long counter() {
        return counter;
    }

    /** The memory of its first block. */
    public NativeMemory memory() {
        return memory;
    }

    /** Memory may come and go, so many bytes at most besides the first block. */
    public TestPlug allowPlugging(long limitBytes) {
        TestPlug made = new TestPlug(blocks, tracker, limitBytes);
        plug = Optional.of(made);
        return made;
    }

    /** The state of its device. */
    public static DeviceSection register(long counter) {
        return new VmStateBuilder("register", 1).u64("counter", counter).build("register", 0);
    }

    @Override
    public String machineType() {
        return MACHINE;
    }

    @Override
    public UUID identity() {
        return identity;
    }

    @Override
    public void assumeIdentity(UUID arriving) {
        if (assumed && !identity.equals(arriving)) {
            throw new IllegalStateException("this guest is " + identity + ", not " + arriving);
        }
        identity = arriving;
        assumed = true;
    }

    @Override
    public RamBlocks ram() {
        return blocks;
    }

    @Override
    public DirtyTracker dirtyTracker() {
        return new Tracker();
    }

    @Override
    public Optional<FreePageReporter> freePages() {
        return freePages;
    }

    @Override
    public Optional<RamPlug> ramPlug() {
        return plug.map(one -> one);
    }

    @Override
    public Optional<Outputs> outputs() {
        return access.mayWait() ? Optional.of(world) : Optional.empty();
    }

    @Override
    public boolean faultsInKernel() {
        return faultsInKernel;
    }

    @Override
    public Vcpus vcpus() {
        return vcpus;
    }

    @Override
    public List<DeviceState> devices() {
        return List.of(new Register());
    }

    @Override
    public void close() {
        vcpus.pause(Duration.ofSeconds(30));
        memory.close();
        access.close();
        plug.ifPresent(TestPlug::close);
    }

    private final class Tracker implements DirtyTracker {
        @Override
        public void start() {
            tracker.start();
        }

        @Override
        public long harvest(RamBlock harvested, PageBitmap found) {
            beforeHarvest.run();
            return tracker.harvest(harvested, found);
        }

        @Override
        public long[] vcpuPages() {
            return vcpuPages.clone();
        }

        @Override
        public void stop() {
            tracker.stop();
            if (trackerRefusesToStop) {
                throw new IllegalStateException("the tracker does not stop");
            }
        }

        @Override
        public String description() {
            return tracker.description();
        }
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
            beforeSave.run();
            VmStateBuilder state = new VmStateBuilder("register", 1).u64("counter", counter);
            return (extraStateBytes == 0 ? state : state.buffer("extra", new byte[extraStateBytes]))
                    .build("register", 0);
        }

        @Override
        public void load(DeviceSection section) {
            beforeLoad.run();
            if (refusesState || section.payload().byteLength() < 8) {
                throw new DeviceStateException("register", 0, "this state is not taken");
            }
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
            return access.mayWait() ? new int[] {threadId} : Vcpus.super.threadIds();
        }

        @Override
        public void throttle(int vcpu, int percent) {
            throttlePercent = percent;
        }

        @Override
        public Optional<Throwable> failure() {
            return crashed ? Optional.of(new IllegalStateException("triple fault")) : Optional.empty();
        }

        @Override
        public synchronized void pause(Duration deadline) {
            if (!running) {
                return;
            }
            if (refusesToStop) {
                throw new VcpuStuckException(0, deadline);
            }
            state.set(SHALL_STOP);
            if (!isStoppedWithin(deadline) && state.compareAndSet(SHALL_STOP, RUNS)) {
                throw new VcpuStuckException(0, deadline);
            }
            stopped.acquireUninterruptibly();
            running = false;
            crashed |= crashesWhenStopped;
            int _ = census.running.decrementAndGet();
        }

        @Override
        public synchronized void resume() {
            if (running) {
                return;
            }
            if (refusesToStart) {
                throw new IllegalStateException("vcpu-0 does not start");
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
                    step(TABLE_PAGES + random.nextInt(usedPages - TABLE_PAGES));
                }
            }
            stopped.release();
        }

        private void step(int page) {
            long place = page * (long) RamBlock.PAGE_BYTES;
            if (access.read(memory, place) != access.read(memory, page * 8L)) {
                int _ = mismatches.incrementAndGet();
            }
            long next = counter + 1;
            access.write(memory, place, next);
            tracker.mark(block, page);
            access.write(memory, page * 8L, next);
            tracker.mark(block, page * 8L / RamBlock.PAGE_BYTES);
            counter = next;
            if (access.mayWait()) {
                world.putOut(next);
            }
            if (restNanos > 0 && next % access.wordsBetweenRests() == 0) {
                LockSupport.parkNanos(restNanos * 100 / (100 - throttlePercent));
            }
        }
    }
}
