// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.programs;

import static io.godwit.machines.programs.ControlBlock.BEATS;
import static io.godwit.machines.programs.ControlBlock.CELLS;
import static io.godwit.machines.programs.ControlBlock.CELL_MASK;
import static io.godwit.machines.programs.ControlBlock.FIRST_ADDRESS;
import static io.godwit.machines.programs.ControlBlock.REQUEST;
import static io.godwit.machines.programs.ControlBlock.REQUEST_TAKEN;
import static io.godwit.machines.programs.ControlBlock.ROUND;
import static io.godwit.machines.programs.ControlBlock.SERIAL;
import static io.godwit.machines.programs.ControlBlock.TICKS;
import static io.godwit.machines.programs.ControlBlock.TOUCHED;
import static io.godwit.machines.programs.ControlBlock.TOUCH_NEXT;
import static io.godwit.machines.programs.ControlBlock.TOUCH_PAGES;
import static io.godwit.machines.programs.ControlBlock.WORK;

import io.godwit.linux.memory.NativeMemory;
import java.util.function.LongPredicate;

/**
 * The service in Java, over {@link ServiceLayout}. A request that was taken is kept in guest RAM until it is answered:
 * all pages that it needs are awaited before the first is written, so what is interrupted there can be begun again.
 */
final class JavaService {
    private final NativeMemory ram;
    private final ControlBlock block;
    private final BeatPort beats;
    private final ServicePort port;
    private final WriteListener listener;
    private final LongPredicate arrive;
    private final long[] request = new long[ServicePort.REQUEST_WORDS];
    private final long[] answer = new long[ServicePort.ANSWER_WORDS];

    /**
     * @param arrive waits for the page at an offset; false if the vCPU shall end
     * @param block the vCPU's, whose page {@code listener} is told of by who calls {@link #step}
     */
    JavaService(
            NativeMemory ram,
            ControlBlock block,
            BeatPort beats,
            ServicePort port,
            WriteListener listener,
            LongPredicate arrive) {
        this.ram = ram;
        this.block = block;
        this.beats = beats;
        this.port = port;
        this.listener = listener;
        this.arrive = arrive;
    }

    /** One beat, and one request if there is one by then; false if the vCPU shall end. */
    boolean step() {
        if (block.get(REQUEST_TAKEN) == 0) {
            int ticks = beats.awaitTick(port::isWaiting);
            count(BEATS, 1);
            count(TICKS, ticks);
            if (beats.isPauseWanted() || !port.take(request)) {
                return true;
            }
            for (int i = 0; i < request.length; i++) {
                block.put(REQUEST + i * Long.BYTES, request[i]);
            }
            block.put(REQUEST_TAKEN, 1);
        }
        for (int i = 0; i < request.length; i++) {
            request[i] = block.get(REQUEST + i * Long.BYTES);
        }
        return serve();
    }

    private boolean serve() {
        long client = block.get(FIRST_ADDRESS) + (request[0] << ServiceLayout.CLIENT_SHIFT);
        if (!arrive.test(client)) {
            return false;
        }
        long number = request[1];
        long last = ram.getLong(client + ServiceLayout.LAST_NUMBER);
        if (number == last + 1) {
            if (!execute(client, (int) request[2])) {
                return false;
            }
        } else if (number != 0 && number == last) {
            answer(
                    0,
                    ram.getLong(client + ServiceLayout.LAST_VALUE),
                    ram.getLong(client + ServiceLayout.CHECKSUM),
                    ram.getLong(client + ServiceLayout.LAST_SERIAL));
        } else {
            answer(1, last, block.get(CELL_MASK), block.get(SERIAL));
        }
        block.put(REQUEST_TAKEN, 0);
        port.answer(answer);
        return true;
    }

    private void answer(long status, long value, long checksum, long serial) {
        answer[0] = request[0];
        answer[1] = request[1];
        answer[2] = status;
        answer[3] = value;
        answer[4] = checksum;
        answer[5] = serial;
    }

    private boolean execute(long client, int operation) {
        long checksum = ram.getLong(client + ServiceLayout.CHECKSUM);
        long value;
        switch (operation) {
            case ServiceLayout.TOUCH -> {
                long pages = Math.min(request[4], block.get(TOUCH_PAGES));
                if (!touch(pages)) {
                    return false;
                }
                value = pages;
            }
            case ServiceLayout.CLOCK -> value = System.nanoTime();
            default -> {
                long cell = block.get(CELLS) + ((request[3] & block.get(CELL_MASK)) << 3);
                if (!arrive.test(cell)) {
                    return false;
                }
                if (operation == ServiceLayout.ADD) {
                    ram.putLong(cell, ram.getLong(cell) + request[4]);
                    count(WORK, 1);
                    listener.written(cell, Long.BYTES);
                }
                value = ram.getLong(cell);
                checksum = checksum * ServiceLayout.CHECKSUM_FACTOR + value;
            }
        }
        count(SERIAL, 1);
        answer(0, value, checksum, block.get(SERIAL));
        ram.putLong(client + ServiceLayout.LAST_NUMBER, request[1]);
        ram.putLong(client + ServiceLayout.LAST_VALUE, value);
        ram.putLong(client + ServiceLayout.CHECKSUM, checksum);
        ram.putLong(client + ServiceLayout.LAST_SERIAL, block.get(SERIAL));
        listener.written(client, 1L << ServiceLayout.CLIENT_SHIFT);
        return true;
    }

    private boolean touch(long pages) {
        long first = block.get(TOUCH_NEXT);
        long all = block.get(TOUCH_PAGES);
        for (long i = 0; i < pages; i++) {
            if (!arrive.test(page((first + i) % all))) {
                return false;
            }
        }
        for (long i = 0; i < pages; i++) {
            long index = block.get(TOUCH_NEXT);
            long round = block.get(ROUND);
            long page = page(index);
            long found = ram.getLong(page);
            if (found != round - 1) {
                block.countMismatch(page / NativeMemory.PAGE_BYTES, round - 1, found);
            }
            ram.putLong(page, round);
            listener.written(page, Long.BYTES);
            count(WORK, 1);
            block.put(TOUCH_NEXT, index + 1 < all ? index + 1 : 0);
            block.put(ROUND, index + 1 < all ? round : round + 1);
        }
        return true;
    }

    private long page(long index) {
        return block.get(TOUCHED) + index * NativeMemory.PAGE_BYTES;
    }

    private void count(int field, long delta) {
        block.put(field, block.get(field) + delta);
    }
}
