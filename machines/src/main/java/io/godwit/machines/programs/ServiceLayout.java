// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.programs;

import io.godwit.linux.memory.NativeMemory;

/**
 * The memory of the service: what it keeps of each client, then the table of cells, then pages to touch.
 *
 * <p>Of each client it keeps four words: number, value, checksum and serial of the last answer. The table has as many
 * cells of 64 bits as the largest power of two allows that leaves half of the memory for pages to touch. The first word
 * of each of those counts how often it was touched.
 */
public final class ServiceLayout {
    /** Clients have numbers below this. */
    public static final int CLIENTS = 4096;

    /** The value is that of the key's cell. */
    public static final int READ = 1;

    /** The request's value is added to the key's cell, whose new value is the answer's. */
    public static final int ADD = 2;

    /** So many pages are written, at most all there are; how many is the answer's value. */
    public static final int TOUCH = 3;

    /** The value is the vCPU's time: another one in every copy of the guest. */
    public static final int CLOCK = 4;

    /** LIMIT: 256 MiB, so that one request does not keep the others waiting for long. */
    public static final int MAX_TOUCHED_PAGES = 65_536;

    /** A client's checksum after READ and ADD: this times what it was before, plus the value; 0 at first. */
    public static final long CHECKSUM_FACTOR = 0x9e37_79b9_7f4a_7c15L;

    static final long MIN_BYTES = 1L << 20;

    static final int CLIENT_SHIFT = 5;
    static final int LAST_NUMBER = 0;
    static final int LAST_VALUE = 8;
    static final int CHECKSUM = 16;
    static final int LAST_SERIAL = 24;

    private static final long CLIENT_BYTES = (long) CLIENTS << CLIENT_SHIFT;

    private ServiceLayout() {}

    /** Makes the memory of {@code pages} pages from {@code start} on, which hold their fill, the service's own. */
    static void install(NativeMemory ram, ControlBlock block, long start, long pages) {
        long left = pages - CLIENT_BYTES / NativeMemory.PAGE_BYTES;
        long cellPages = Long.highestOneBit(left / 2);
        long touched = start + CLIENT_BYTES + cellPages * NativeMemory.PAGE_BYTES;
        block.put(ControlBlock.CELLS, start + CLIENT_BYTES);
        block.put(ControlBlock.CELL_MASK, cellPages * NativeMemory.PAGE_BYTES / Long.BYTES - 1);
        block.put(ControlBlock.TOUCHED, touched);
        block.put(ControlBlock.TOUCH_PAGES, left - cellPages);
        block.put(ControlBlock.ROUND, 1);
        ram.fill(start, CLIENT_BYTES, (byte) 0);
        for (long page = 0; page < left - cellPages; page++) {
            ram.putLongLE(touched + page * NativeMemory.PAGE_BYTES, 0);
        }
    }
}
