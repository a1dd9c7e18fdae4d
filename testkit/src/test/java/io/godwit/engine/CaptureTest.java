// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.engine.arbiter.FileLockArbiter;
import io.godwit.engine.environment.Environment;
import io.godwit.engine.guest.Arrival;
import io.godwit.engine.guest.Guest;
import io.godwit.engine.guest.RunControl;
import io.godwit.engine.guest.RunState;
import io.godwit.engine.incoming.IncomingMigration;
import io.godwit.engine.incoming.plan.IncomingPlan;
import io.godwit.engine.memory.PageDigests;
import io.godwit.engine.memory.PrecopyPlace;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.memory.RamBlocks;
import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.engine.transport.Descriptors;
import io.godwit.engine.transport.MigrationUri;
import io.godwit.engine.transport.SystemTransports;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.stream.Bytes;
import io.godwit.stream.DeviceSection;
import io.godwit.stream.RamBlockEntry;
import io.godwit.testkit.guest.CountingGuest;
import java.nio.file.Path;
import java.time.Duration;
import java.util.BitSet;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** An arrival with no guest behind it, whose pages go where its plan says: a capture's, or a cache's. */
@Timeout(120)
class CaptureTest {
    @TempDir
    private Path directory = Path.of("");

    @Test
    void pagesAndDevicesAreKeptWhereNoGuestIs() throws Exception {
        Captured captured = new Captured();
        RunControl run = new RunControl(captured, new FileLockArbiter(directory), RunState.INMIGRATE);
        try (Pair pair = new Pair(directory);
                NativeMemory shelf = NativeMemory.allocate(CountingGuest.RAM_BYTES)) {
            pair.sourceRun.stop();
            IncomingMigration arrival = new IncomingMigration(new IncomingPlan(
                    captured,
                    run,
                    _ -> new Shelf(shelf),
                    MigrationUri.parse("tcp:127.0.0.1:0"),
                    Duration.ofSeconds(2),
                    false,
                    false,
                    false,
                    false,
                    List.of(),
                    Environment.SYSTEM,
                    new SystemTransports(Descriptors.ANY_NUMBER)));
            arrival.listen();
            arrival.start();
            pair.source.migrate(arrival.address().orElseThrow().toString());
            assertThat(pair.source.awaitEnd(Pair.PATIENCE)).isTrue();
            assertThat(arrival.awaitEnd(Pair.PATIENCE)).isTrue();
            assertThat(arrival.statistics().status())
                    .as(arrival.statistics()::toString)
                    .isEqualTo(MigrationStatus.COMPLETED);
            assertThat(captured.identity).isEqualTo(pair.sourceGuest.identity());
            assertThat(captured.devices).isNotEmpty();
            NativeMemory sent = pair.sourceGuest.block().memory();
            assertThat(NativeMemory.mismatch(sent, 0, shelf, 0, CountingGuest.RAM_BYTES))
                    .as("first byte that differs")
                    .isEqualTo(-1);
        } finally {
            run.shutdown();
        }
    }

    /** What is there of a guest that is only kept, beside its pages. */
    private static final class Captured implements Arrival {
        private final RamBlocks none = new RamBlocks(List.of());
        private UUID identity = UUID.randomUUID();
        private List<DeviceSection> devices = List.of();

        @Override
        public UUID identity() {
            return identity;
        }

        @Override
        public void assumeIdentity(UUID arriving) {
            identity = arriving;
        }

        @Override
        public RamBlocks ram() {
            return none;
        }

        @Override
        public void acceptMachine(String arriving) {
            // Any.
        }

        @Override
        public void acceptRam(List<RamBlockEntry> arriving) {
            assertThat(arriving).hasSize(1);
        }

        @Override
        public void acceptDevices(List<DeviceSection> arriving) {
            devices = arriving;
        }

        @Override
        public void acceptOpaqueDevices(Bytes sections) {
            throw new AssertionError("no postcopy here");
        }

        @Override
        public boolean faultsInKernel() {
            return false;
        }

        @Override
        public Optional<Guest> guest() {
            return Optional.empty();
        }
    }

    /** Keeps the pages of one block. */
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
        public void flush() {
            // Each page is in place at once.
        }

        @Override
        public void follow(RamBlocks.Snapshot ram, List<RamBlockEntry> next) {
            throw new AssertionError("the list of blocks stays");
        }

        @Override
        public long missingPages() {
            return (long) CountingGuest.PAGES - come.cardinality();
        }

        @Override
        public Optional<PageDigests> digests() {
            return Optional.empty();
        }

        @Override
        public void close() {
            // The test looks at the memory, and frees it.
        }
    }
}
