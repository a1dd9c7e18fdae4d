// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store.pages;

/** Where the chunks of a pack are, and their sums. */
final class ChunkList {
    private final long[] offsets;
    private final int[] lengths;
    private final int[] frameCrcs;
    private final int[] idCrcs;
    private final byte[] forms;

    ChunkList(int count) {
        offsets = new long[count];
        lengths = new int[count];
        frameCrcs = new int[count];
        idCrcs = new int[count];
        forms = new byte[count];
    }

    int count() {
        return offsets.length;
    }

    long offset(int chunk) {
        return offsets[chunk];
    }

    int length(int chunk) {
        return lengths[chunk];
    }

    int frameCrc(int chunk) {
        return frameCrcs[chunk];
    }

    int idCrc(int chunk) {
        return idCrcs[chunk];
    }

    byte form(int chunk) {
        return forms[chunk];
    }

    void set(int chunk, long offset, int length, int frameCrc, byte form) {
        offsets[chunk] = offset;
        lengths[chunk] = length;
        frameCrcs[chunk] = frameCrc;
        forms[chunk] = form;
    }

    void setIdCrc(int chunk, int crc) {
        idCrcs[chunk] = crc;
    }

    /** The first {@code count} of them. */
    ChunkList first(int count) {
        ChunkList copy = new ChunkList(count);
        for (int i = 0; i < count; i++) {
            copy.set(i, offsets[i], lengths[i], frameCrcs[i], forms[i]);
            copy.setIdCrc(i, idCrcs[i]);
        }
        return copy;
    }
}
