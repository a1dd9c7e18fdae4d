// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.checkpoint;

import io.godwit.engine.memory.RamBlock;

/**
 * Numbers of the epochs' connection. WIRE: an extension of Godwit's own, never seen by QEMU; all numbers are
 * big-endian.
 */
final class CheckpointWire {
    /** "GdwE": the source's first bytes, so that no other connection can be taken for this one. */
    static final int MAGIC = 0x47647745;

    static final int VERSION = 1;

    static final int BLOCK = 0x01;
    static final int BEGIN = 0x02;
    static final int PAGES = 0x03;
    static final int DEVICES = 0x04;
    static final int END = 0x05;
    static final int SAFETY_END = 0x06;

    static final int ACKNOWLEDGED = 0x11;
    static final int SAFETY_OVER = 0x12;

    /** Set in a page's offset, whose low bits are free: the page is zero and has no content here. */
    static final long ZERO_FLAG = 1;

    static final long OFFSET_FLAGS = RamBlock.PAGE_BYTES - 1;

    /** LIMIT: pages behind one PAGES head. */
    static final int MAX_PAGES = 64;

    /** Type, block, count, and an offset for each page. */
    static final int MAX_PAGES_HEAD_BYTES = 1 + 2 + 2 + 8 * MAX_PAGES;

    /** LIMIT: a big QEMU guest has some 50 blocks. */
    static final int MAX_BLOCKS = 1024;

    static final int MAX_NAME_BYTES = 255;

    /** LIMIT: device sections and vmdesc of one epoch; a vCPU takes some 10 KiB. */
    static final int MAX_DEVICES_BYTES = 16 << 20;

    private CheckpointWire() {}
}
