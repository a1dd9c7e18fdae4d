// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.incoming.postcopy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;

import io.godwit.engine.environment.Environment;
import io.godwit.engine.environment.MonotonicClock;
import io.godwit.engine.memory.KernelMissingPages;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.memory.RamBlocks;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.linux.memory.Support;
import io.godwit.linux.memory.Userfaultfd;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Pages on their way from a channel into watched memory. */
@Tag("kernel")
class PostcopyPlacerTest {
    private static final int PAGES = 16;

    @BeforeEach
    void needsUserfaultfd() {
        if (Userfaultfd.support(Set.of(), Userfaultfd.Faults.USER) instanceof Support.Missing missing) {
            abort(missing.sentence());
        }
    }

    /**
     * A page may stand behind the package in the same bytes, where it was read long before a fault asked for it, and by
     * somebody else.
     */
    @Test
    void aPageThatCameWithThePackageHasItsTimesToo() {
        long begin = System.nanoTime();
        try (NativeMemory ram = NativeMemory.mapAnonymous(PAGES * (long) RamBlock.PAGE_BYTES);
                NativeMemory staging = NativeMemory.allocate(RamBlock.PAGE_BYTES)) {
            RamBlocks blocks = new RamBlocks(List.of(new RamBlock("ram", ram)));
            FaultLog log = new FaultLog(new PageWaits(new FaultLogTest.Two()), MonotonicClock.SYSTEM);
            try (ArrivingMemory memory = ArrivingMemory.prepare(
                            blocks.snapshot(), List.of("ram"), new KernelMissingPages(false), false);
                    PostcopyPlacer placer =
                            new PostcopyPlacer(memory, log, "main channel", false, _ -> {}, Environment.SYSTEM)) {
                ArrivingBlock block = memory.block(0);
                log.faulted(block.hostPageAddress(3), 1, System.nanoTime(), System.nanoTime());
                assertThat(block.markRequested(3)).isTrue();
                log.requested(block.hostPageAddress(3), System.nanoTime());
                placer.place(0, 3L * RamBlock.PAGE_BYTES, staging, 0);
                placer.flush();
                assertThat(block.isReceived(3)).isTrue();
            }
            assertThat(log.latency().place().count()).isEqualTo(1);
            assertThat(log.latency().place().maxNanos()).isLessThanOrEqualTo(System.nanoTime() - begin);
        }
    }
}
