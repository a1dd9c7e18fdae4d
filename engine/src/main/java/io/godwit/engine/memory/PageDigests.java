// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.memory;

import io.godwit.linux.memory.NativeMemory;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A hash of every page of a guest, to prove that both sides of a migration held the same memory at the switchover.
 *
 * <p>The source hashes its memory after it has handed the guest over ({@link #of}); the destination hashes each page
 * as it comes ({@link #arrived}), because by the time anybody can look the guest runs there and writes. Hashes are not
 * cryptographic: they find what was lost or torn, not what was forged.
 *
 * <p>Threads: one writer for each page; read after all are done.
 */
public final class PageDigests {
    private static final long MISSING = 0;

    private final List<RamBlock> blocks;
    private final List<long[]> hashes = new ArrayList<>();
    private final long zeroPageHash;

    /**
     * What one block comes to.
     *
     * @param idstr the block
     * @param pageCount its pages
     * @param missingPages pages that never arrived, or at the source: that were left out because they are free
     * @param hash over the hashes of all pages
     */
    public record BlockDigest(String idstr, long pageCount, long missingPages, long hash) {}

    /** Digests of a guest of which no page has arrived yet. */
    public PageDigests(RamBlocks.Snapshot ram) {
        this(ram, List.of(), List.of());
    }

    private PageDigests(RamBlocks.Snapshot ram, List<RamBlock> before, List<long[]> hashesBefore) {
        blocks = ram.blocks();
        for (RamBlock block : blocks) {
            int was = before.indexOf(block);
            hashes.add(was >= 0 ? hashesBefore.get(was) : new long[Math.toIntExact(block.pageCount())]);
        }
        try (NativeMemory zero = NativeMemory.allocate(RamBlock.PAGE_BYTES)) {
            zeroPageHash = present(zero.hash(0, RamBlock.PAGE_BYTES));
        }
    }

    /** Hashes a whole guest but for the pages that are withheld, which count as missing; it must stand still. */
    public static PageDigests of(RamBlocks.Snapshot ram) {
        PageDigests digests = new PageDigests(ram);
        for (int block = 0; block < digests.blocks.size(); block++) {
            long pageCount = digests.blocks.get(block).pageCount();
            for (long page = 0; page < pageCount; page++) {
                if (!digests.blocks.get(block).withheldPages().isSet(page)) {
                    digests.placed(block, page);
                }
            }
        }
        return digests;
    }

    /** The same over another list: of blocks that stay, the hashes stay. */
    public PageDigests following(RamBlocks.Snapshot ram) {
        return new PageDigests(ram, blocks, hashes);
    }

    private void placed(int blockIndex, long page) {
        RamBlock block = blocks.get(blockIndex);
        hashes.get(blockIndex)[(int) page] =
                present(block.memory().hash(page * RamBlock.PAGE_BYTES, RamBlock.PAGE_BYTES));
    }

    /**
     * Notes the content with which a page has arrived; it stands elsewhere, since the guest may be writing to the page
     * already.
     */
    public void arrived(int blockIndex, long page, NativeMemory content, long offset) {
        hashes.get(blockIndex)[(int) page] = present(content.hash(offset, RamBlock.PAGE_BYTES));
    }

    /** Notes that pages are missing again. */
    public void discarded(int blockIndex, long firstPage, long pageCount) {
        Arrays.fill(hashes.get(blockIndex), (int) firstPage, (int) (firstPage + pageCount), MISSING);
    }

    /** Notes that a page is zero now. */
    public void zeroed(int blockIndex, long page) {
        hashes.get(blockIndex)[(int) page] = zeroPageHash;
    }

    /** One digest for each block, in the order of the blocks. */
    public List<BlockDigest> blockDigests() {
        List<BlockDigest> digests = new ArrayList<>();
        for (int i = 0; i < blocks.size(); i++) {
            long missing = 0;
            long hash = 0x9e3779b97f4a7c15L;
            for (long pageHash : hashes.get(i)) {
                if (pageHash == MISSING) {
                    missing++;
                }
                hash = Long.rotateLeft(hash ^ pageHash, 27) * 0x9fb21c651e98df25L + 1;
            }
            digests.add(new BlockDigest(blocks.get(i).idstr(), blocks.get(i).pageCount(), missing, hash));
        }
        return digests;
    }

    private static long present(long hash) {
        return hash == MISSING ? 1 : hash;
    }
}
