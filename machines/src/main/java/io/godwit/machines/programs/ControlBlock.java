// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.programs;

import io.godwit.linux.memory.NativeMemory;

/**
 * What one vCPU's program knows: a page of guest RAM, fields of 64 bits in little-endian order. The program writes it
 * while it runs; the host may read a field at any time, and fields agree with each other only while the guest is
 * paused.
 *
 * <p>What is public reaches the page by downcalls: if it has yet to arrive, the caller waits for it, and the JVM does
 * not. {@link #get} and {@link #put} are direct and need a page that is there.
 */
public final class ControlBlock {
    static final int MAGIC = 0x00;
    static final int PROGRAM = 0x08;
    /** Guest-physical address of the first page of this vCPU's share. */
    static final int FIRST_ADDRESS = 0x10;

    static final int PAGE_COUNT = 0x18;
    /** Pages for each tick of 100 microseconds, as a fixed-point number with 32 fractional bits; 0 is unlimited. */
    static final int RATE = 0x20;
    /** From one page of a sweep to the next, modulo the number of pages; has no common factor with it. */
    static final int STEP = 0x28;
    /** From the start of one sweep to the start of the next, modulo the number of pages. */
    static final int SHIFT = 0x30;
    /** The most pages between two beats. */
    static final int BURST = 0x38;

    /** Pages done in this sweep. */
    static final int POSITION = 0x40;
    /** The page that is next. */
    static final int INDEX = 0x48;
    /** The sweep's number, which goes into the stamps it writes. */
    static final int GENERATION = 0x50;
    /** Pages that are owed, with 32 fractional bits. */
    static final int ACCUMULATOR = 0x58;

    static final int WORK = 0x60;
    static final int MISMATCHES = 0x68;
    static final int FIRST_MISMATCH_PAGE = 0x70;
    static final int FIRST_MISMATCH_EXPECTED = 0x78;
    static final int FIRST_MISMATCH_FOUND = 0x80;
    static final int BEATS = 0x88;
    static final int TICKS = 0x90;

    /** Of the ballooner: pages that are always in use. */
    static final int BASE_COUNT = 0x98;
    /** The most pages that it takes into use. */
    static final int MAX_COUNT = 0xa0;
    /** All pages of its share; those from {@link #PAGE_COUNT} on are free. */
    static final int END_COUNT = 0xa8;
    /** The command of the {@link HintRing} that it knows. */
    static final int HINT_EPOCH = 0xb0;
    /** The free page that it tells of next. */
    static final int HINT_NEXT = 0xb8;

    /** Of the service: where the table of cells starts; see {@link ServiceLayout}. */
    static final int CELLS = 0xc0;
    /** The number of cells, a power of two, less one. */
    static final int CELL_MASK = 0xc8;
    /** Where the pages to touch start. */
    static final int TOUCHED = 0xd0;

    static final int TOUCH_PAGES = 0xd8;
    /** The page that is touched next. */
    static final int TOUCH_NEXT = 0xe0;
    /** How often it will have been touched then. */
    static final int ROUND = 0xe8;
    /** Requests that were executed. */
    static final int SERIAL = 0xf0;
    /** Whether {@link #REQUEST} has been taken and not answered; of programs in Java only. */
    static final int REQUEST_TAKEN = 0xf8;
    /** The words of the request. */
    static final int REQUEST = 0x100;

    /** Counts of {@link #TOUCH_BUCKETS} durations, up to the end of the page; of programs in machine code only. */
    static final int TOUCHES = 0x400;

    static final int TOUCH_BUCKETS = (NativeMemory.PAGE_BYTES - TOUCHES) / Long.BYTES;

    static final long MAGIC_VALUE = 0x0031_5449_5744_4f47L; // "GODWIT1" in memory

    private final NativeMemory ram;
    private final long offset;

    /**
     * @param ram the guest's RAM
     * @param offset where the block starts in it
     */
    ControlBlock(NativeMemory ram, long offset) {
        this.ram = ram;
        this.offset = offset;
    }

    /** The block of a vCPU. */
    public static ControlBlock of(NativeMemory ram, int vcpu) {
        return new ControlBlock(ram, BootLayout.controlBlockOffset(vcpu));
    }

    long get(int field) {
        return ram.getLongVolatile(offset + field);
    }

    void put(int field, long value) {
        ram.putLongVolatile(offset + field, value);
    }

    /** Counts a page that did not hold what it must; only the first is described. */
    void countMismatch(long page, long expected, long found) {
        put(MISMATCHES, get(MISMATCHES) + 1);
        if (get(MISMATCHES) == 1) {
            put(FIRST_MISMATCH_PAGE, page);
            put(FIRST_MISMATCH_EXPECTED, expected);
            put(FIRST_MISMATCH_FOUND, found);
        }
    }

    private long read(int field) {
        return ram.getLongByDowncall(offset + field);
    }

    /** Whether a program was ever put here. */
    boolean hasProgram() {
        return read(MAGIC) == MAGIC_VALUE;
    }

    /** The program that runs here; idle if none was ever put here. */
    public GuestProgram program() {
        return hasProgram() ? GuestProgram.ofCode(read(PROGRAM)).orElse(GuestProgram.IDLE) : GuestProgram.IDLE;
    }

    /** Pages rewritten so far. */
    public long workPages() {
        return read(WORK);
    }

    /** Pages that did not hold what this program wrote there last. */
    public long mismatches() {
        return read(MISMATCHES);
    }

    /** The first mismatch; meaningful when {@link #mismatches} is not 0. */
    public Mismatch firstMismatch() {
        return new Mismatch(read(FIRST_MISMATCH_PAGE), read(FIRST_MISMATCH_EXPECTED), read(FIRST_MISMATCH_FOUND));
    }

    /** Heartbeats as the guest counts them. */
    public long beats() {
        return read(BEATS);
    }

    /** Ticks of 100 microseconds that the guest was given. */
    public long ticks() {
        return read(TICKS);
    }

    /** The sweep the program is in; the first one after boot is {@link BootLayout#firstGeneration}. */
    public long generation() {
        return read(GENERATION);
    }

    /** How many pages this vCPU's share has. */
    public long pageCount() {
        return read(PAGE_COUNT);
    }

    /**
     * How often the stepper's touch of a page took how many cycles of the vCPU's time stamp counter; see {@link
     * TouchCounts}. All 0 for other programs.
     */
    public long[] touches() {
        long[] counts = new long[TOUCH_BUCKETS];
        for (int bucket = 0; bucket < TOUCH_BUCKETS; bucket++) {
            counts[bucket] = read(TOUCHES + bucket * Long.BYTES);
        }
        return counts;
    }

    /** Changes the rate while the guest runs; the program takes it up at its next beat. */
    public void pagesPerSecond(long rate) {
        ram.putLongByDowncall(offset + RATE, BootLayout.fixedPointRate(rate));
    }
}
