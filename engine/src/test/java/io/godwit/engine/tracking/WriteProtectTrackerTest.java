// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.tracking;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.abort;

import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.memory.RamBlocks;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.linux.memory.Support;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Blocks that come to a tracker by write protection, and starts that fail. */
@Tag("kernel")
class WriteProtectTrackerTest {
    private static final int BYTES = 16 * RamBlock.PAGE_BYTES;

    @BeforeEach
    void needsWriteProtection() {
        if (WriteProtectTracker.support() instanceof Support.Missing missing) {
            abort(missing.sentence());
        }
    }

    /** A block is told of before it is in the guest's list, and somebody may start to track in between. */
    @Test
    void aBlockThatIsNotInTheListYetIsTracked() {
        try (NativeMemory first = NativeMemory.mapAnonymous(BYTES);
                NativeMemory second = NativeMemory.mapAnonymous(BYTES)) {
            WriteProtectTracker tracker = new WriteProtectTracker(new RamBlocks(List.of(new RamBlock("ram", first))));
            RamBlock dimm = new RamBlock("dimm", second);
            tracker.add(dimm);
            tracker.start();
            try {
                long _ = tracker.harvest(dimm);
                second.putLong(3L * RamBlock.PAGE_BYTES, 1);
                dimm.dirtyBitmap().clearAll();
                assertThat(tracker.harvest(dimm)).isEqualTo(1);
                assertThat(dimm.dirtyBitmap().isSet(3)).isTrue();
            } finally {
                tracker.stop();
            }
        }
    }

    @Test
    void aStartThatFailsLeavesNothing() {
        try (NativeMemory first = NativeMemory.mapAnonymous(BYTES)) {
            RamBlock ram = new RamBlock("ram", first);
            NativeMemory second = NativeMemory.mapAnonymous(BYTES);
            RamBlock gone = new RamBlock("gone", second);
            WriteProtectTracker tracker = new WriteProtectTracker(new RamBlocks(List.of(ram)));
            tracker.add(gone);
            second.close();
            assertThatThrownBy(tracker::start).isInstanceOf(RuntimeException.class);
            assertThatThrownBy(() -> tracker.harvest(ram)).hasMessageContaining("not started");
            tracker.remove(gone);
            tracker.start();
            assertThat(tracker.harvest(ram)).isNotNegative();
            tracker.stop();
        }
    }
}
