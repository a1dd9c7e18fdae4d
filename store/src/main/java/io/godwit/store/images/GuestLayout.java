// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store.images;

import io.godwit.store.StoreException;
import io.godwit.store.snapshots.Manifest;
import io.godwit.store.snapshots.SavedBlock;
import java.util.ArrayList;
import java.util.List;

/**
 * Where a guest sees its memory. A stream says that only with {@code x-ignore-shared}; else it follows from the machine
 * type.
 *
 * @param architecture ELF's number of the processor
 * @param regions in ascending order of their addresses
 */
record GuestLayout(short architecture, List<Region> regions) {
    static final short X86_64 = 62;
    static final short AARCH64 = 183;

    private static final long FOUR_GIB = 1L << 32;
    private static final long ARM_RAM = 1L << 30;
    private static final String PC_RAM = "pc.ram";
    private static final String ARM_BLOCK = "mach-virt.ram";

    /**
     * A part of a block in the guest's memory.
     *
     * @param offset in the block
     * @param address in the guest's physical memory
     */
    record Region(int block, long offset, long byteLength, long address) {}

    /** The layout of a guest whose machine is known. */
    static GuestLayout of(Manifest manifest) {
        String machine = manifest.configuration().machine();
        List<Region> regions = new ArrayList<>();
        int block = indexOf(manifest.blocks(), PC_RAM);
        if (block >= 0 && machine.startsWith("pc-")) {
            long length = manifest.blocks().get(block).byteLength();
            long low = Math.min(length, lowBytes(machine, length));
            regions.add(new Region(block, 0, low, 0));
            if (low < length) {
                regions.add(new Region(block, low, length - low, FOUR_GIB));
            }
            return new GuestLayout(X86_64, List.copyOf(regions));
        }
        block = indexOf(manifest.blocks(), ARM_BLOCK);
        if (block >= 0 && machine.startsWith("virt")) {
            regions.add(new Region(block, 0, manifest.blocks().get(block).byteLength(), ARM_RAM));
            return new GuestLayout(AARCH64, List.copyOf(regions));
        }
        throw new StoreException("It is not known where a machine '" + machine
                + "' has its memory: known are pc, q35, and virt of aarch64. Export its RAM blocks as raw instead.");
    }

    /** WIRE: how much of its RAM QEMU 10.0 puts below 4 GiB. */
    private static long lowBytes(String machine, long length) {
        boolean q35 = machine.startsWith("pc-q35");
        long most = q35 ? 0xb000_0000L : 0xe000_0000L;
        long split = q35 ? 0x8000_0000L : 0xc000_0000L;
        return length >= most ? split : most;
    }

    private static int indexOf(List<SavedBlock> blocks, String idstr) {
        for (int i = 0; i < blocks.size(); i++) {
            if (blocks.get(i).idstr().equals(idstr)) {
                return i;
            }
        }
        return -1;
    }
}
