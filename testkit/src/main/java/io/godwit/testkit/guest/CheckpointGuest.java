// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.testkit.guest;

import io.godwit.engine.guest.Outputs;
import io.godwit.engine.guest.Vcpus;
import io.godwit.engine.memory.PageBitmap;
import io.godwit.engine.memory.RamBlock;
import io.godwit.linux.memory.NativeMemory;
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
public final class CheckpointGuest extends RegisterGuest {
    private static final int[] PAGES = {512, 130};

    /** What the guest was at one moment: its memory, block after block, and its register. */
    @SuppressWarnings("ArrayRecordComponent") // compared by hand
    public record Moment(byte[] memory, long counter) {}

    private final long seed;
    private final List<PageBitmap> received = new ArrayList<>();
    private final ExecutorService placer = Executors.newSingleThreadExecutor();
    private final Vcpu vcpu = new Vcpu();
    private int pagesPerPark = 16;

    public final World world = new World();
    /** What it was when its state was taken, time after time. */
    public final List<Moment> moments = new ArrayList<>();

    public CheckpointGuest(UUID identity, long seed) {
        super("epochs", identity, halfFull());
        this.seed = seed;
        moments.add(moment());
    }

    private static List<RamBlock> halfFull() {
        List<RamBlock> list = new ArrayList<>();
        for (int i = 0; i < PAGES.length; i++) {
            NativeMemory memory = NativeMemory.mapAnonymous((long) PAGES[i] * RamBlock.PAGE_BYTES);
            memory.fillRandom(0, memory.byteLength() / 2, 42 + i);
            list.add(new RamBlock("block" + i, memory));
        }
        return list;
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
        for (RamBlock block : blocks.snapshot().blocks()) {
            int length = (int) block.memory().byteLength();
            block.memory().copyTo(0, all, at, length);
            at += length;
        }
        return new Moment(all, counter);
    }

    public long counter() {
        return counter;
    }

    @Override
    protected void beforeSave() {
        moments.add(moment());
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
    public void close() {
        vcpu.pause(Duration.ofSeconds(5));
        placer.close();
        blocks.snapshot().blocks().forEach(block -> block.memory().close());
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
