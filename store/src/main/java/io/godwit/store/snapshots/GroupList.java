// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store.snapshots;

import java.util.List;

/** Where the groups of a page table are in the file; groups of all blocks in order. */
final class GroupList {
    static final int ENTRY_BYTES = 16;

    private final long[] offsets;
    private final short[] lengths;
    private final int[] crcs;

    GroupList(int count) {
        offsets = new long[count];
        lengths = new short[count];
        crcs = new int[count];
    }

    int count() {
        return offsets.length;
    }

    /** Where a group begins; with length 0 the value that all of its pages have. */
    long offset(int group) {
        return offsets[group];
    }

    /** Bytes of a group, or 0. */
    int length(int group) {
        return Short.toUnsignedInt(lengths[group]);
    }

    int crc(int group) {
        return crcs[group];
    }

    void set(int group, long offset, int length, int crc) {
        offsets[group] = offset;
        lengths[group] = (short) length;
        crcs[group] = crc;
    }

    /** The first group of each block. */
    static int[] firsts(List<SavedBlock> blocks) {
        int[] firsts = new int[blocks.size()];
        int next = 0;
        for (int i = 0; i < firsts.length; i++) {
            firsts[i] = next;
            next = Math.addExact(
                    next, Math.toIntExact(TableGroup.countFor(blocks.get(i).pageCount())));
        }
        return firsts;
    }

    /** Groups of all blocks. */
    static int countFor(List<SavedBlock> blocks) {
        long count = blocks.stream()
                .mapToLong(block -> TableGroup.countFor(block.pageCount()))
                .sum();
        return Math.toIntExact(count);
    }
}
