// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing.wire;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.engine.memory.PageBatch;
import io.godwit.engine.memory.PageSource;
import io.godwit.engine.memory.RamBlock;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.stream.PageRecordWriter;
import io.godwit.stream.RamBlockEntry;
import io.godwit.testkit.wire.SwallowingChannel;
import java.util.List;
import org.junit.jupiter.api.Test;

class RecordBatchTest {
    private static final int PAGE = RamBlock.PAGE_BYTES;

    @Test
    void contentComesFromWhereTheSourceSaysAndOffsetsFromTheBlock() {
        PageBatch pages = new PageBatch(64);
        pages.hold(5, 2);
        try (NativeMemory store = NativeMemory.allocate(2 * PAGE);
                NativeMemory wire = NativeMemory.allocate(2 * PAGE);
                RecordBatch records =
                        new RecordBatch(new PageRecordWriter(List.of(RamBlockEntry.of("r", 16 * PAGE))), 64)) {
            store.fillRandom(PAGE, PAGE, 1);
            // Page 5 is stored second; page 6 is zero there.
            PageSource source = batch -> {
                batch.locate(0, store, PAGE);
                batch.locate(1, store, 0);
            };
            source.locate(pages);
            assertThat(records.addPage(0, pages, 0)).isTrue();
            assertThat(records.addPage(0, pages, 1)).isFalse();
            long bytes = records.writeTo(new SwallowingChannel(() -> {}, vector -> vector.drainTo(wire, 0, 2 * PAGE)));
            int head = 8 + 1 + 1;
            assertThat(bytes).isEqualTo(head + PAGE + 9);
            assertThat(wire.buffer(0, 8).getLong() & -PAGE).isEqualTo(5L * PAGE);
            assertThat(wire.buffer(head, PAGE)).isEqualTo(store.buffer(PAGE, PAGE));
            assertThat(wire.buffer(head + PAGE, 8).getLong() & -PAGE).isEqualTo(6L * PAGE);
        }
    }
}
