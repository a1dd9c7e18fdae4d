// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.peer;

import io.godwit.engine.guest.DeviceState;
import io.godwit.engine.guest.DirtyTracker;
import io.godwit.engine.guest.Guest;
import io.godwit.engine.guest.RamPlug;
import io.godwit.engine.guest.Vcpus;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.memory.RamBlocks;
import io.godwit.engine.tracking.MarkedPagesTracker;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.stream.DeviceSection;
import io.godwit.stream.RamBlockEntry;
import io.godwit.stream.VmStateBuilder;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.UUID;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;

/**
 * A guest that QEMU's machine {@code none} can take: a RAM block of its name or none at all, no devices. A thread
 * stands for its vCPU and writes into random pages.
 */
final class BareGuest implements Guest {
    private static final long PAGE_BYTES = RamBlock.PAGE_BYTES;

    private static final String QEMUS_MACHINE = "none";

    private final String machineType;
    private final NativeMemory memory;
    private final RamBlocks blocks;
    private final MarkedPagesTracker tracker;
    private final UUID identity = UUID.randomUUID();
    private final List<DeviceState> devices;
    private final Writer writer = new Writer();
    private boolean pluggable;

    private BareGuest(String machineType, long memoryBytes, List<DeviceState> devices) {
        this.machineType = machineType;
        memory = NativeMemory.mapAnonymous(Math.max(memoryBytes, PAGE_BYTES));
        blocks = new RamBlocks(memoryBytes == 0 ? List.of() : List.of(new RamBlock("ram", memory)));
        tracker = new MarkedPagesTracker(blocks);
        this.devices = devices;
        // The first half: the other is zero pages.
        memory.fillRandom(0, memoryBytes / 2, 42);
    }

    static BareGuest withoutMemory() {
        return new BareGuest(QEMUS_MACHINE, 0, List.of());
    }

    static BareGuest withMemory(long byteLength) {
        return new BareGuest(QEMUS_MACHINE, byteLength, List.of());
    }

    /** One that QEMU must refuse, at the very end of the stream: it has a device that QEMU does not know. */
    static BareGuest withStrangeDevice() {
        return new BareGuest(QEMUS_MACHINE, 0, List.of(new StrangeDevice()));
    }

    /** One that QEMU must refuse at once. */
    static BareGuest ofMachine(String machineType) {
        return new BareGuest(machineType, 0, List.of());
    }

    /** It could be given memory, were its list not held. */
    BareGuest pluggable() {
        pluggable = true;
        return this;
    }

    @Override
    public Optional<RamPlug> ramPlug() {
        return pluggable ? Optional.of(new Plug()) : Optional.empty();
    }

    NativeMemory memory() {
        return memory;
    }

    /** How often the guest has written; grows while it runs. */
    long writes() {
        return writer.writes.get();
    }

    @Override
    public String machineType() {
        return machineType;
    }

    @Override
    public UUID identity() {
        return identity;
    }

    @Override
    public void assumeIdentity(UUID arriving) {
        throw new IllegalStateException("this guest starts here");
    }

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
        return writer;
    }

    @Override
    public List<DeviceState> devices() {
        return devices;
    }

    @Override
    public void close() {
        writer.pause(Duration.ZERO);
        memory.close();
    }

    private final class Plug implements RamPlug {
        @Override
        public RamBlock plug(RamBlockEntry entry, RamBlocks.Gate gate) {
            blocks.refuseIfHeld();
            throw new IllegalStateException("nobody holds the list");
        }

        @Override
        public void unplug(RamBlock block, RamBlocks.Gate gate) {
            blocks.refuseIfHeld();
            throw new IllegalStateException("nobody holds the list");
        }
    }

    private record StrangeDevice() implements DeviceState {
        @Override
        public String idstr() {
            return "godwit-strange";
        }

        @Override
        public int instanceId() {
            return 0;
        }

        @Override
        public DeviceSection save() {
            return new VmStateBuilder(idstr(), 1).u32("something", 1).build(idstr(), 0);
        }

        @Override
        public void load(DeviceSection section) {}
    }

    private final class Writer implements Vcpus {
        private final AtomicLong writes = new AtomicLong();
        private final Semaphore ended = new Semaphore(0);
        private volatile boolean running;

        @Override
        public int count() {
            return 1;
        }

        @Override
        public synchronized void pause(Duration deadline) {
            if (running) {
                running = false;
                ended.acquireUninterruptibly();
            }
        }

        @Override
        public synchronized void resume() {
            if (!running) {
                running = true;
                Thread.ofPlatform().name("vcpu-0").daemon().start(this::write);
            }
        }

        private void write() {
            SplittableRandom random = new SplittableRandom(writes.get());
            while (running) {
                long next = writes.incrementAndGet();
                if (!blocks.snapshot().blocks().isEmpty()) {
                    RamBlock block = blocks.snapshot().blocks().getFirst();
                    long page = random.nextLong(block.pageCount());
                    memory.putLong(page * PAGE_BYTES, next);
                    tracker.mark(block, page);
                }
                LockSupport.parkNanos(50_000);
            }
            ended.release();
        }
    }
}
