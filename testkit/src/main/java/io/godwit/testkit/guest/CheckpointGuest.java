// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.testkit.guest;

import io.godwit.engine.guest.DeviceState;
import io.godwit.engine.guest.DirtyTracker;
import io.godwit.engine.guest.Guest;
import io.godwit.engine.guest.Outputs;
import io.godwit.engine.guest.Vcpus;
import io.godwit.engine.memory.PageBitmap;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.memory.RamBlocks;
import io.godwit.engine.tracking.MarkedPagesTracker;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.stream.DeviceSection;
import io.godwit.stream.VmStateBuilder;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * A guest that writes random pages of two blocks, keeps its count as its register and puts each count out. It remembers
 * what it was at the end of each epoch. Its pages may be missing at first: then the one that it is about to write
 * comes, and is noted a moment later by another thread.
 */
public final class CheckpointGuest implements Guest {
    private static final int[] PAGES = {512, 130};

    /** What the guest was at one moment: its memory, block after block, and its register. */
    @SuppressWarnings("ArrayRecordComponent") // compared by hand
    public record Moment(byte[] memory, long counter) {}

    private final UUID identity;
    private final long seed;
    private final List<NativeMemory> memories = new ArrayList<>();
    private final RamBlocks blocks;
    private final MarkedPagesTracker tracker;
    private final List<PageBitmap> received = new ArrayList<>();
    private final ExecutorService placer = Executors.newSingleThreadExecutor();
    private final Vcpu vcpu = new Vcpu();
    private volatile long counter;
    private int pagesPerPark = 16;

    public final World world = new World();
    /** What it was when its state was taken, time after time. */
    public final List<Moment> moments = new ArrayList<>();

    public CheckpointGuest(UUID identity, long seed) {
        this.identity = identity;
        this.seed = seed;
        List<RamBlock> list = new ArrayList<>();
        for (int i = 0; i < PAGES.length; i++) {
            NativeMemory memory = NativeMemory.mapAnonymous((long) PAGES[i] * RamBlock.PAGE_BYTES);
            memory.fillRandom(0, memory.byteLength() / 2, 42 + i);
            memories.add(memory);
            list.add(new RamBlock("block" + i, memory));
        }
        blocks = new RamBlocks(list);
        tracker = new MarkedPagesTracker(blocks);
        moments.add(moment());
    }

    /** No page is there yet. */
    public void arrive() {
        for (RamBlock block : blocks.snapshot().blocks()) {
            PageBitmap bitmap = new PageBitmap(block.pageCount());
            received.add(bitmap);
            block.beginArriving(bitmap);
        }
    }

    public void writeFaster() {
        pagesPerPark = 1024;
    }

    public Moment moment() {
        byte[] all = new byte[(PAGES[0] + PAGES[1]) * RamBlock.PAGE_BYTES];
        int at = 0;
        for (NativeMemory memory : memories) {
            memory.copyTo(0, all, at, (int) memory.byteLength());
            at += (int) memory.byteLength();
        }
        return new Moment(all, counter);
    }

    public long counter() {
        return counter;
    }

    @Override
    public String machineType() {
        return "epochs";
    }

    @Override
    public UUID identity() {
        return identity;
    }

    @Override
    public void assumeIdentity(UUID arriving) {}

    @Override
    public RamBlocks ram() {
        return blocks;
    }

    @Override
    public DirtyTracker dirtyTracker() {
        return tracker;
    }

    @Override
    public Vcpus vcpus() {
        return vcpu;
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
        vcpu.pause(Duration.ofSeconds(5));
        placer.close();
        memories.forEach(NativeMemory::close);
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
            moments.add(moment());
            return new VmStateBuilder("register", 1).u64("counter", counter).build("register", 0);
        }

        @Override
        public void load(DeviceSection section) {
            counter = section.payload().toBuffer().getLong();
        }
    }

    private final class Vcpu implements Vcpus {
        private final AtomicBoolean stop = new AtomicBoolean();
        private final Semaphore stopped = new Semaphore(0);
        private boolean running;

        @Override
        public int count() {
            return 1;
        }

        @Override
        public synchronized void pause(Duration deadline) {
            if (running) {
                stop.set(true);
                stopped.acquireUninterruptibly();
                running = false;
            }
        }

        @Override
        public synchronized void resume() {
            if (!running) {
                running = true;
                stop.set(false);
                Thread.ofPlatform().name("vcpu-0").daemon().start(this::work);
            }
        }

        private void work() {
            SplittableRandom random = new SplittableRandom(seed + counter);
            while (!stop.get()) {
                int block = random.nextInt(PAGES.length);
                step(blocks.snapshot().blocks().get(block), block, random);
            }
            stopped.release();
        }

        private void step(RamBlock block, int index, SplittableRandom random) {
            int page = random.nextInt(PAGES[index]);
            long next = counter + 1;
            long place = page * (long) RamBlock.PAGE_BYTES;
            if (random.nextInt(8) == 0) {
                block.memory().fill(place, RamBlock.PAGE_BYTES, (byte) 0);
            } else {
                block.memory().putLong(place + 8L * random.nextInt(512), next);
            }
            tracker.mark(block, page);
            if (!received.isEmpty() && !received.get(index).isSet(page)) {
                placer.execute(() -> {
                    boolean _ = received.get(index).testAndSet(page);
                });
            }
            counter = next;
            world.putOut(next);
            if (next % pagesPerPark == 0) {
                java.util.concurrent.locks.LockSupport.parkNanos(50_000);
            }
        }
    }
}
