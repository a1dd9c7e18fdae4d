// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine;

import io.godwit.engine.guest.DeviceState;
import io.godwit.engine.guest.DeviceStateException;
import io.godwit.engine.guest.DirtyTracker;
import io.godwit.engine.guest.FreePageReporter;
import io.godwit.engine.guest.Guest;
import io.godwit.engine.guest.RamPlug;
import io.godwit.engine.guest.Vcpus;
import io.godwit.engine.memory.PageBitmap;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.memory.RamBlocks;
import io.godwit.engine.tracking.MarkedPagesTracker;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.stream.DeviceSection;
import io.godwit.stream.VmStateBuilder;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.UUID;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A guest for tests of the engine: one "vCPU" thread counts, writes the count into pages of its memory and keeps it as
 * its register. It notices by itself when a page holds less than it wrote there last: the table of what it wrote is
 * memory too.
 */
final class CountingGuest implements Guest {
    static final int RAM_BYTES = 8 << 20;
    static final int PAGES = RAM_BYTES / RamBlock.PAGE_BYTES;
    private static final int TABLE_PAGES = PAGES * 8 / RamBlock.PAGE_BYTES;

    /** How many copies run, at this instant and at most, over all guests of one test. */
    static final class Census {
        final AtomicInteger running = new AtomicInteger();
        final AtomicInteger most = new AtomicInteger();
    }

    private final NativeMemory memory = NativeMemory.mapAnonymous(RAM_BYTES);
    private final RamBlock block;
    private final RamBlocks blocks;
    private final MarkedPagesTracker tracker;
    private final Census census;
    private final Threaded vcpus = new Threaded();
    private UUID identity;
    private boolean assumed;
    private volatile long counter;
    final AtomicInteger mismatches = new AtomicInteger();
    volatile boolean refusesState;
    volatile boolean trackerRefusesToStop;
    volatile int extraStateBytes;
    volatile long[] vcpuPages = {};
    volatile Runnable beforeHarvest = () -> {};
    volatile Runnable beforeSave = () -> {};
    volatile Runnable beforeLoad = () -> {};
    volatile boolean refusesToStop;
    volatile boolean crashed;
    volatile boolean crashesWhenStopped;
    volatile boolean refusesToStart;
    volatile int throttlePercent;
    /** Between 64 pages and the next 64, when nobody throttles it. */
    volatile long restNanos = 50_000;

    volatile Optional<FreePageReporter> freePages = Optional.empty();
    volatile Optional<TestPlug> plug = Optional.empty();
    /** The vCPU touches no page from here on. */
    volatile int usedPages = PAGES;

    CountingGuest(UUID identity, Census census) {
        this(identity, census, RamBlock.PAGE_BYTES);
    }

    /** With memory that is said to consist of pages of this size. */
    CountingGuest(UUID identity, Census census, int pageBytes) {
        this.identity = identity;
        this.census = census;
        this.block = new RamBlock("ram", memory, pageBytes);
        this.blocks = new RamBlocks(List.of(block));
        this.tracker = new MarkedPagesTracker(blocks);
    }

    /** Non-zero content, so that pages travel as pages. */
    void fill(long seed) {
        memory.fillRandom(TABLE_PAGES * (long) RamBlock.PAGE_BYTES, RAM_BYTES / 2, seed);
        for (int page = TABLE_PAGES; page < PAGES; page++) {
            memory.putLong(page * (long) RamBlock.PAGE_BYTES, 0);
        }
    }

    /** Writes as the vCPU does. */
    void write(long page, long value) {
        memory.putLong(page * RamBlock.PAGE_BYTES, value);
        tracker.mark(block, page);
    }

    RamBlock block() {
        return block;
    }

    long counter() {
        return counter;
    }

    /** Writes to a page as its vCPU would, which must not run. */
    void write(int page, long value) {
        memory.putLong(page * (long) RamBlock.PAGE_BYTES, value);
        tracker.mark(block, page);
    }

    NativeMemory memory() {
        return memory;
    }

    @Override
    public String machineType() {
        return "counting";
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
        return new DirtyTracker() {
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
        };
    }

    @Override
    public Optional<FreePageReporter> freePages() {
        return freePages;
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
    public Vcpus vcpus() {
        return vcpus;
    }

    @Override
    public List<DeviceState> devices() {
        return List.of(new Register());
    }

    @Override
    public void close() {
        vcpus.pause(Duration.ofSeconds(5));
        memory.close();
        plug.ifPresent(TestPlug::close);
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
            ByteBuffer payload = section.payload().toBuffer();
            counter = payload.getLong();
        }
    }

    private final class Threaded implements Vcpus {
        private final AtomicBoolean stop = new AtomicBoolean();
        private final Semaphore stopped = new Semaphore(0);
        private boolean running;

        @Override
        public int count() {
            return 1;
        }

        @Override
        public synchronized void pause(Duration deadline) {
            if (!running) {
                return;
            }
            if (refusesToStop) {
                throw new io.godwit.engine.guest.VcpuStuckException(0, deadline);
            }
            stop.set(true);
            stopped.acquireUninterruptibly();
            running = false;
            crashed |= crashesWhenStopped;
            int _ = census.running.decrementAndGet();
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
            stop.set(false);
            Thread.ofPlatform().name("vcpu-0").daemon().start(this::work);
        }

        private void work() {
            SplittableRandom random = new SplittableRandom(counter);
            while (!stop.get()) {
                step(TABLE_PAGES + random.nextInt(usedPages - TABLE_PAGES));
            }
            stopped.release();
        }

        private void step(int page) {
            long place = page * (long) RamBlock.PAGE_BYTES;
            if (memory.getLong(place) != memory.getLong(page * 8L)) {
                int _ = mismatches.incrementAndGet();
            }
            long next = counter + 1;
            memory.putLong(place, next);
            tracker.mark(block, page);
            memory.putLong(page * 8L, next);
            tracker.mark(block, page * 8L / RamBlock.PAGE_BYTES);
            counter = next;
            if (next % 64 == 0) {
                Thread.onSpinWait();
                java.util.concurrent.locks.LockSupport.parkNanos(restNanos * 100 / (100 - throttlePercent));
            }
        }
    }
}
