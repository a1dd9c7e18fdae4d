// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.incoming.postcopy;

import io.godwit.engine.memory.PageDigests;
import io.godwit.engine.memory.PagePlace;
import io.godwit.engine.memory.RamBlock;
import io.godwit.linux.memory.NativeMemory;
import java.util.Optional;

/**
 * Places pages while the guest is still at the source, but postcopy may follow: missing pages by the kernel, pages that
 * are there by a plain copy, since nothing runs here. A page may come any number of times.
 */
final class AdvisedPlacer implements PagePlace, PageRun.Sink, AutoCloseable {
    private final ArrivingMemory memory;
    private final Optional<PageDigests> digests;
    /** Zeros, in which the one target page of a huge page stands that has come. */
    private final NativeMemory hostPage;

    private final PageRun run;

    AdvisedPlacer(ArrivingMemory memory) {
        this.memory = memory;
        this.digests = memory.digests();
        this.hostPage = memory.roomForHostPage();
        this.run = new PageRun(memory, this);
    }

    @Override
    public void place(int blockIndex, long offset, NativeMemory staging, long position) {
        ArrivingBlock block = memory.block(blockIndex);
        long page = block.hostPageAt(offset);
        if (run.holds(block, page)) {
            // The same page again: the later content counts.
            run.flush();
        }
        if (!block.isHuge() && !block.isPopulated(page)) {
            run.add(block, page, staging, position);
            return;
        }
        if (block.isPopulated(page)) {
            NativeMemory.copy(staging, position, block.block().memory(), offset, RamBlock.PAGE_BYTES);
        } else {
            long within = offset & (block.hostPageBytes() - 1);
            NativeMemory.copy(staging, position, hostPage, within, RamBlock.PAGE_BYTES);
            boolean _ = memory.fill(block, page, hostPage, 0);
            hostPage.fill(within, RamBlock.PAGE_BYTES, (byte) 0);
        }
        noteReceived(block, page, offset);
        if (digests.isPresent()) {
            digests.get().arrived(blockIndex, offset >>> RamBlock.PAGE_SHIFT, staging, position);
        }
    }

    @Override
    public void placeZero(int blockIndex, long offset) {
        ArrivingBlock block = memory.block(blockIndex);
        long page = block.hostPageAt(offset);
        if (run.holds(block, page)) {
            // The same page again: the later content counts.
            run.flush();
        }
        if (!block.isHuge() && !block.isPopulated(page)) {
            run.addZero(block, page);
            return;
        }
        if (block.isPopulated(page)) {
            NativeMemory there = block.block().memory();
            if (!there.isZero(offset, RamBlock.PAGE_BYTES)) {
                there.fill(offset, RamBlock.PAGE_BYTES, (byte) 0);
            }
        } else if (memory.takesZeroPages(block)) {
            boolean _ = memory.fillZero(block, page);
        } else {
            boolean _ = memory.fill(block, page, hostPage, 0);
        }
        noteReceived(block, page, offset);
        if (digests.isPresent()) {
            digests.get().zeroed(blockIndex, offset >>> RamBlock.PAGE_SHIFT);
        }
    }

    @Override
    public void flush() {
        run.flush();
    }

    @Override
    public void arrived(ArrivingBlock block, long page, boolean zero, NativeMemory content, long position) {
        noteReceived(block, page, page << RamBlock.PAGE_SHIFT);
        if (digests.isPresent()) {
            if (zero) {
                digests.get().zeroed(block.index(), page);
            } else {
                digests.get().arrived(block.index(), page, content, position);
            }
        }
    }

    private static void noteReceived(ArrivingBlock block, long hostPage, long offset) {
        boolean _ = block.received().testAndSet(offset >>> RamBlock.PAGE_SHIFT);
        if (block.isHuge()) {
            block.markPopulated(hostPage);
        }
    }

    @Override
    public void close() {
        run.close();
        hostPage.close();
    }
}
