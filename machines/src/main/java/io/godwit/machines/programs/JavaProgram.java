// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.programs;

import static io.godwit.machines.programs.ControlBlock.ACCUMULATOR;
import static io.godwit.machines.programs.ControlBlock.BASE_COUNT;
import static io.godwit.machines.programs.ControlBlock.BEATS;
import static io.godwit.machines.programs.ControlBlock.BURST;
import static io.godwit.machines.programs.ControlBlock.END_COUNT;
import static io.godwit.machines.programs.ControlBlock.FIRST_ADDRESS;
import static io.godwit.machines.programs.ControlBlock.GENERATION;
import static io.godwit.machines.programs.ControlBlock.HINT_EPOCH;
import static io.godwit.machines.programs.ControlBlock.HINT_NEXT;
import static io.godwit.machines.programs.ControlBlock.INDEX;
import static io.godwit.machines.programs.ControlBlock.MAX_COUNT;
import static io.godwit.machines.programs.ControlBlock.PAGE_COUNT;
import static io.godwit.machines.programs.ControlBlock.POSITION;
import static io.godwit.machines.programs.ControlBlock.RATE;
import static io.godwit.machines.programs.ControlBlock.SHIFT;
import static io.godwit.machines.programs.ControlBlock.STEP;
import static io.godwit.machines.programs.ControlBlock.TICKS;
import static io.godwit.machines.programs.ControlBlock.WORK;

import io.godwit.engine.memory.RamBlock;
import io.godwit.linux.memory.NativeMemory;
import java.util.Optional;

/**
 * The guest programs in Java, step for step what {@link MachineCode} does, but that it takes no times. Nothing is kept
 * outside guest RAM between two calls of {@link #run}, so whoever gets the RAM can go on.
 *
 * <p>While the guest arrives by postcopy, a page is first awaited and then touched: the wait is a downcall, which holds
 * up no safepoint, and what is there stays there while the guest runs.
 */
public final class JavaProgram {
    private static final int PAGE_SHIFT = 12;
    private static final int LAST_STAMP = NativeMemory.PAGE_BYTES - Long.BYTES;

    private final RamBlock ramBlock;
    private final NativeMemory ram;
    private final ControlBlock block;
    private final long blockOffset;
    private final ControlBlock ring;
    private final long ringOffset;
    private final BeatPort port;
    private final WriteListener listener;
    private final Optional<JavaService> service;

    /**
     * @param ramBlock the guest's RAM
     * @param vcpu which control block
     * @param port hears the beats, and when the program waits for memory
     * @param service what a program that is a service is asked through
     * @param listener hears of the pages that are written
     */
    public JavaProgram(
            RamBlock ramBlock, int vcpu, BeatPort port, Optional<ServicePort> service, WriteListener listener) {
        this.ramBlock = ramBlock;
        this.ram = ramBlock.memory();
        this.block = ControlBlock.of(ram, vcpu);
        this.blockOffset = BootLayout.controlBlockOffset(vcpu);
        this.ringOffset = BootLayout.hintRingOffset(vcpu);
        this.ring = new ControlBlock(ram, ringOffset);
        this.port = port;
        this.listener = listener;
        this.service = service.map(asked -> new JavaService(ram, block, port, asked, listener, this::arrive));
    }

    /** Runs until a pause is wanted; then all state is in guest RAM. */
    public void run() {
        if (!arrive(blockOffset)) {
            return;
        }
        if (!block.hasProgram()) {
            throw new IllegalStateException("there is no program in guest RAM at 0x%x: boot the guest or let it come in"
                    .formatted(blockOffset));
        }
        GuestProgram program = block.program();
        while (!port.isPauseWanted()) {
            if (program == GuestProgram.BALLOONER && !balloon()) {
                return;
            }
            if (program == GuestProgram.SERVICE) {
                if (!service().step()) {
                    return;
                }
                listener.written(blockOffset, NativeMemory.PAGE_BYTES);
                continue;
            }
            long owed = program == GuestProgram.IDLE ? idle() : pace();
            long burst = block.get(BURST);
            while (owed > 0) {
                long chunk = Math.min(owed, burst);
                if (!rewrite(program, chunk)) {
                    return;
                }
                owed -= chunk;
                if (owed > 0) {
                    port.beat();
                    count(BEATS, 1);
                    owed = keepWhenPaused(owed);
                }
            }
            listener.written(blockOffset, NativeMemory.PAGE_BYTES);
        }
    }

    private JavaService service() {
        return service.orElseThrow(
                () -> new IllegalStateException("the guest runs the service, and was made without its device"));
    }

    private long idle() {
        int ticks = port.awaitTick();
        count(BEATS, 1);
        count(TICKS, ticks);
        return 0;
    }

    /** One beat; the pages that are owed since the last one. */
    private long pace() {
        if (block.get(RATE) == 0) {
            port.beat();
            count(BEATS, 1);
            return block.get(BURST);
        }
        int ticks = port.awaitTick();
        count(BEATS, 1);
        count(TICKS, ticks);
        long owed = ticks * block.get(RATE) + block.get(ACCUMULATOR);
        block.put(ACCUMULATOR, owed & 0xffff_ffffL);
        return owed >>> 32;
    }

    /** A pause does not wait for a long burst: what is owed stays in RAM. */
    private long keepWhenPaused(long owed) {
        if (!port.isPauseWanted()) {
            return owed;
        }
        count(ACCUMULATOR, owed << 32);
        return 0;
    }

    /** Waits for the page at an offset, if it has yet to arrive; false if the vCPU shall end instead of touching it. */
    private boolean arrive(long offset) {
        if (ramBlock.isPresent(offset >>> PAGE_SHIFT)) {
            return true;
        }
        // A pause may be granted from here on, and what it finds written must have been told.
        listener.written(blockOffset, NativeMemory.PAGE_BYTES);
        port.beginStandstill();
        long _ = ram.getLongByDowncall(offset);
        return port.endStandstill();
    }

    /** Rewrites the next pages; false if the vCPU shall end. */
    private boolean rewrite(GuestProgram program, long chunk) {
        boolean stamps = program == GuestProgram.DIRTIER || program == GuestProgram.BALLOONER;
        // One that begins in the middle of a chunk is seen at the next.
        boolean watched = port.isWatched();
        for (long i = 0; i < chunk; i++) {
            long index = block.get(INDEX);
            long page = block.get(FIRST_ADDRESS) + (index << PAGE_SHIFT);
            long generation = block.get(GENERATION);
            if (!arrive(page)) {
                return false;
            }
            long begin = watched ? System.nanoTime() : 0;
            if (stamps) {
                restamp(page, generation << 32 | index);
            } else {
                step(page, generation);
            }
            listener.written(page, NativeMemory.PAGE_BYTES);
            if (watched) {
                port.wrote(System.nanoTime() - begin);
            }
            count(WORK, 1);
            advance(index);
        }
        return true;
    }

    /** Tells of free pages, and takes or gives some; false if the vCPU shall end. */
    private boolean balloon() {
        if (!arrive(ringOffset)) {
            return false;
        }
        long epoch = ring.get(HintRing.COMMAND);
        if (epoch != block.get(HINT_EPOCH)) {
            block.put(HINT_EPOCH, epoch);
            block.put(HINT_NEXT, 0);
        }
        if (epoch != 0) {
            tellFree(epoch);
            listener.written(ringOffset, NativeMemory.PAGE_BYTES);
        }
        return (block.get(BEATS) & (HintRing.BEATS_A_PAGE - 1)) != 0 || takeOrGive();
    }

    private void tellFree(long epoch) {
        long next = Math.max(block.get(HINT_NEXT), block.get(PAGE_COUNT));
        long left = block.get(END_COUNT) - next;
        long head = ring.get(HintRing.HEAD);
        if (left <= 0) {
            ring.put(HintRing.DONE, epoch);
        } else if (Long.compareUnsigned(head - ring.get(HintRing.TAIL), HintRing.SLOTS) < 0) {
            long count = Math.min(left, HintRing.PAGES_A_HINT);
            int slot = HintRing.slot(head);
            ring.put(slot, epoch << 32 | count);
            ring.put(slot + Long.BYTES, (block.get(FIRST_ADDRESS) >>> PAGE_SHIFT) + next);
            ring.put(HintRing.HEAD, head + 1);
            block.put(HINT_NEXT, next + count);
        }
    }

    private boolean takeOrGive() {
        long index = block.get(PAGE_COUNT);
        if (index < block.get(MAX_COUNT)) {
            long page = block.get(FIRST_ADDRESS) + (index << PAGE_SHIFT);
            if (!arrive(page)) {
                return false;
            }
            // As if it had been written a sweep ago: this sweep has yet to come there.
            long stamp = (block.get(GENERATION) - 1) << 32 | index;
            ram.putLong(page, stamp);
            ram.putLong(page + LAST_STAMP, stamp);
            listener.written(page, NativeMemory.PAGE_BYTES);
            block.put(PAGE_COUNT, index + 1);
        } else if (block.get(POSITION) < block.get(BASE_COUNT)) {
            block.put(PAGE_COUNT, block.get(BASE_COUNT));
        }
        return true;
    }

    private void restamp(long page, long stamp) {
        long expected = stamp - (1L << 32);
        long found = ram.getLong(page);
        if (found == expected) {
            found = ram.getLong(page + LAST_STAMP);
        }
        if (found != expected) {
            mismatch(page, expected, found);
        }
        ram.putLong(page, stamp);
        ram.putLong(page + LAST_STAMP, stamp);
    }

    private void step(long page, long generation) {
        long expected = generation - 1 & 0xff;
        long found = ram.getByte(page) & 0xff;
        if (found != expected) {
            mismatch(page, expected, found);
        }
        ram.putByte(page, (byte) generation);
    }

    private void advance(long index) {
        long pages = block.get(PAGE_COUNT);
        long next = wrap(index + block.get(STEP), pages);
        long position = block.get(POSITION) + 1;
        if (position >= pages) {
            position = 0;
            count(GENERATION, 1);
            next = wrap(next + block.get(SHIFT), pages);
        }
        block.put(POSITION, position);
        block.put(INDEX, next);
    }

    private static long wrap(long index, long pages) {
        return index < pages ? index : index - pages;
    }

    private void mismatch(long page, long expected, long found) {
        block.countMismatch(page >>> PAGE_SHIFT, expected, found);
    }

    private void count(int field, long delta) {
        block.put(field, block.get(field) + delta);
    }
}
