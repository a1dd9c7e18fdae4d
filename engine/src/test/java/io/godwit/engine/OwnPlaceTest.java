// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.engine.environment.Environment;
import io.godwit.engine.incoming.IncomingMigration;
import io.godwit.engine.incoming.plan.IncomingPlan;
import io.godwit.engine.incoming.plan.PrecopyPlace;
import io.godwit.engine.memory.PageDigests;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.memory.RamBlocks;
import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.engine.transport.Descriptors;
import io.godwit.engine.transport.MigrationUri;
import io.godwit.engine.transport.SystemTransports;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.stream.RamBlockEntry;
import java.nio.file.Path;
import java.time.Duration;
import java.util.BitSet;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The pages of an arrival go where its plan says, as a capture's or a cache's will. */
@Timeout(120)
class OwnPlaceTest {
    @TempDir
    private Path directory = Path.of("");

    @Test
    void thePagesGoWhereThePlanSaysAndNotIntoTheGuest() throws Exception {
        try (Pair pair = new Pair(directory);
                NativeMemory shelf = NativeMemory.allocate(CountingGuest.RAM_BYTES)) {
            pair.sourceRun.stop();
            IncomingMigration arrival = new IncomingMigration(new IncomingPlan(
                    pair.destinationGuest,
                    pair.destinationRun,
                    _ -> new Shelf(shelf),
                    MigrationUri.parse("tcp:127.0.0.1:0"),
                    Duration.ofSeconds(2),
                    false,
                    false,
                    List.of(),
                    Environment.SYSTEM,
                    new SystemTransports(Descriptors.ANY_NUMBER)));
            arrival.start();
            pair.source.migrate(arrival.address().toString());
            assertThat(pair.source.awaitEnd(Pair.PATIENCE)).isTrue();
            assertThat(arrival.awaitEnd(Pair.PATIENCE)).isTrue();
            assertThat(arrival.statistics().status()).isEqualTo(MigrationStatus.COMPLETED);
            NativeMemory sent = pair.sourceGuest.block().memory();
            assertThat(NativeMemory.mismatch(sent, 0, shelf, 0, CountingGuest.RAM_BYTES))
                    .as("first byte that differs")
                    .isEqualTo(-1);
            assertThat(pair.destinationGuest.block().memory().isZero(0, CountingGuest.RAM_BYTES))
                    .as("the guest's own memory is untouched")
                    .isTrue();
        }
    }

    /** Keeps the pages of the one block beside the guest. */
    private static final class Shelf implements PrecopyPlace {
        private final NativeMemory memory;
        private final BitSet come = new BitSet(CountingGuest.PAGES);

        Shelf(NativeMemory memory) {
            this.memory = memory;
        }

        @Override
        public void place(int blockIndex, long offset, NativeMemory content, long position) {
            NativeMemory.copy(content, position, memory, offset, RamBlock.PAGE_BYTES);
            come.set((int) (offset / RamBlock.PAGE_BYTES));
        }

        @Override
        public void placeZero(int blockIndex, long offset) {
            memory.fill(offset, RamBlock.PAGE_BYTES, (byte) 0);
            come.set((int) (offset / RamBlock.PAGE_BYTES));
        }

        @Override
        public void flush() {}

        @Override
        public void follow(RamBlocks.Snapshot ram, List<RamBlockEntry> next) {
            throw new AssertionError("the list of blocks stays");
        }

        @Override
        public long missingPages() {
            return CountingGuest.PAGES - come.cardinality();
        }

        @Override
        public Optional<PageDigests> digests() {
            return Optional.empty();
        }

        @Override
        public void close() {}
    }
}
